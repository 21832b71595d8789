"""The clock of a shift: story time goes faster than ours, and stands still while nobody is there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class StoryClock:
    """Story seconds since the pager fired, ``pace`` of them in one of ours. It stands until :meth:`run`.

    ``ticks`` tells our own seconds, from any beginning.
    """

    def __init__(self, pace: float, lasts: float, ticks: Callable[[], float] = time.monotonic) -> None:
        self._pace, self._lasts, self._ticks = pace, lasts, ticks
        self._at = 0.0
        self._since: float | None = None

    @property
    def running(self) -> bool:
        """Whether it goes."""
        return self._since is not None

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.now() >= self._lasts

    def now(self) -> float:
        """Story seconds, to a tenth; never more than the shift lasts."""
        gone = 0.0 if self._since is None else (self._ticks() - self._since) * self._pace
        return round(min(self._lasts, self._at + gone), 1)

    def run(self, at: float) -> None:
        """Go on from ``at`` story seconds."""
        self._at, self._since = at, self._ticks()

    def stand(self, at: float | None = None) -> None:
        """Stop, where it is or at ``at``."""
        self._at, self._since = self.now() if at is None else at, None
