"""What a dialect and the shop ask of one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Asked(Protocol):
    """One request in work. ``nonce`` is ``-`` if it carried none (a health check); ``checkout`` is the costly page."""

    nonce: str
    checkout: bool

    def answer(self, receipt: str, status: int) -> None:
        """Send the answer; ``receipt`` is for the header ``X-Receipt``. Must not fail when the other side is gone."""


class Counting(Protocol):
    """What a dialect sees of the shop: it counts, makes wait, works and may die of a request."""

    name: str

    def arrive(self, asked: Asked) -> None:
        """A whole request is there. Its ``answer`` is called when it was worked on, if ever."""

    def after_latency(self, go_on: Callable[[], None]) -> None:
        """Call ``go_on`` when what just arrived may be looked at: now, or later on a slow network. Keeps the order."""

    def page(self) -> bytes:
        """The body of every answer."""


class Dialect(Protocol):
    """``SPEAKERS`` in a dialect's file maps the names of ``model.PROTOCOLS`` it speaks to such makers."""

    def __call__(self, shop: Counting) -> asyncio.Protocol:
        """A protocol object for one connection."""
