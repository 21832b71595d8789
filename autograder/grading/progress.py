"""How far a grading run is, and how long it will still take, as honestly as that can be said."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TextIO

from autograder.grading.evidence import clean

_WINDOW: Final = 60
"""Submissions that the speed is told from: the last ones, for a machine gets busier and idler."""
_ENOUGH: Final = 4
"""Fewer say nothing about the rest."""


@dataclass(frozen=True)
class Step:
    """A submission is through (or, with no student, the counting is)."""

    done: int
    total: int
    judged: int
    """Of those that must be judged in this run."""
    to_judge: int
    student: str = ""


Progress = Callable[[Step], None]


class Line:
    """Draws one line over and over on a terminal; it goes away with the last step."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out or sys.stderr
        self._clock = clock
        self._at: deque[tuple[int, float]] = deque(maxlen=_WINDOW)
        """(Judged so far, when)."""

    def __call__(self, step: Step) -> None:
        """Draw ``step``."""
        if not self._at or self._at[-1][0] != step.judged:
            self._at.append((step.judged, self._clock()))
        left = in_words(self.seconds_left(step))
        bar = "█" * (20 * step.done // max(1, step.total))
        text = f"{bar:░<20} {step.done}/{step.total}  {left}  {clean(step.student)[:30]}".rstrip()
        self._out.write(f"\r\x1b[K{text if step.done < step.total else ''}")
        self._out.flush()

    def seconds_left(self, step: Step) -> float | None:
        """From the last submissions that were judged; what was judged before this run costs next to nothing.

        None while too few are through.
        """
        if step.judged >= step.to_judge:
            return 0.0
        (first, began), (last, ended) = self._at[0], self._at[-1]
        if last - first < _ENOUGH or ended <= began:
            return None
        return (step.to_judge - step.judged) * (ended - began) / (last - first)


def in_words(seconds: float | None) -> str:
    """About how long, no finer than is known: seconds in tens, then minutes, then hours and tens of minutes."""
    if seconds is None:
        return "time left: not known yet"
    if seconds < 10:
        return "a few seconds left"
    if seconds < 55:
        return f"about {round(seconds / 10) * 10} s left"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {minutes} min left"
    return f"about {minutes // 60} h {minutes % 60 // 10 * 10} min left"


def quiet(step: Step) -> None:
    """In a pipe nobody watches."""
    del step
