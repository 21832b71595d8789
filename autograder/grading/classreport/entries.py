"""What the report is made from: a student's work on one lab, as read from the class folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import fsum

from autograder.labs.lab import Lab
from autograder.labs.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Attempt:
    """A submission that was judged. ``at`` is when it was handed in; None where nothing tells."""

    verdicts: tuple[Verdict, ...]
    at: datetime | None = None

    @property
    def points(self) -> float:
        """The sum over the checks."""
        return fsum(verdict.points for verdict in self.verdicts)

    @property
    def max_points(self) -> float:
        """What could be had."""
        return fsum(verdict.max_points for verdict in self.verdicts)

    @property
    def complete(self) -> bool:
        """Every check passed."""
        return all(verdict.outcome is Outcome.PASSED for verdict in self.verdicts)


@dataclass(frozen=True)
class Entry:
    """One student's work.

    ``now`` is the verdict on what lies in the class folder; None when there is none. ``attempts`` are all judged
    submissions in the order they were handed in, ``handed_in`` the times of all submissions, judged or not. ``files``
    is the text that was handed in, with the names of a variant of the student's own turned back into the lab's.
    """

    student: str
    now: Attempt | None
    attempts: tuple[Attempt, ...] = ()
    handed_in: tuple[datetime, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    strangers: tuple[str, ...] = ()
    """Servers it names that only other students' variants have."""


@dataclass(frozen=True)
class ClassWork:
    """What a class handed in for ``lab``.

    ``damaged`` names the records that could not be read, ``older`` counts the students judged by an earlier version of
    the lab's checks.
    """

    lab: Lab
    entries: tuple[Entry, ...]
    damaged: tuple[str, ...] = ()
    older: int = 0
