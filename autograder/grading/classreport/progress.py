"""How the class moved: from one attempt to the next, and how long the mend took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from statistics import quantiles
from typing import Final

from autograder.grading.classreport.entries import Attempt, Entry

MOST_ATTEMPTS: Final = 8
"""Later attempts are left out of the table: few get there, and they are no trend."""


@dataclass(frozen=True)
class Step:
    """The whole class after everybody's attempt of one number; who made fewer stays as they were.

    Only so can the steps be compared: late attempts are of those who still had something to mend.
    """

    number: int
    students: int
    """Who made this attempt."""
    complete: int
    """Who has every point by now, among all."""
    mean: float
    """Mean share of points by now, over all."""


@dataclass(frozen=True)
class Mending:
    """How long it took from a student's first submission to the first one with every point.

    ``quartiles`` (seconds) are over the ``timed`` students who needed more than one attempt and whose times are known.
    """

    at_once: int
    later: int
    not_yet: int
    timed: int
    quartiles: tuple[float, float, float] | None


def steps(entries: Sequence[Entry]) -> tuple[Step, ...]:
    """The class attempt by attempt, as far as attempts were judged."""
    made = [entry.attempts for entry in entries if entry.attempts]
    found: list[Step] = []
    for number in range(min(MOST_ATTEMPTS, max(map(len, made), default=0))):
        by_now = [attempts[min(number, len(attempts) - 1)] for attempts in made]
        shares = [attempt.points / attempt.max_points if attempt.max_points else 0.0 for attempt in by_now]
        students = sum(len(attempts) > number for attempts in made)
        complete = sum(attempt.complete for attempt in by_now)
        found.append(Step(number + 1, students, complete, fsum(shares) / len(by_now)))
    return tuple(found)


def seconds_to_mend(entry: Entry) -> float | None:
    """Seconds from the first submission to the first complete one; 0 when they are the same; None when not known."""
    done = _first_complete(entry)
    if done is None:
        return None
    if entry.attempts[0] is done and len(entry.handed_in) <= 1:
        return 0.0
    if done.at is None or not entry.handed_in:
        return None
    return max(0.0, (done.at - min(entry.handed_in)).total_seconds())


def mending(entries: Sequence[Entry]) -> Mending:
    """The whole class's times."""
    judged = [entry for entry in entries if entry.attempts]
    done = [entry for entry in judged if _first_complete(entry) is not None]
    took = [seconds_to_mend(entry) for entry in done]
    times = sorted(seconds for seconds in took if seconds)
    at_once = sum(seconds == 0.0 for seconds in took)
    if len(times) > 1:
        low, middle, high = quantiles(times, n=4, method="inclusive")
        cut: tuple[float, float, float] | None = (low, middle, high)
    else:
        cut = (times[0], times[0], times[0]) if times else None
    return Mending(at_once, len(done) - at_once, len(judged) - len(done), len(times), cut)


def _first_complete(entry: Entry) -> Attempt | None:
    return next((attempt for attempt in entry.attempts if attempt.complete), None)
