"""A class in numbers: pure functions from what was read to what is shown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from math import floor, fsum
from statistics import median
from typing import Any

from autograder.grading.classreport.copies import Group, likely_copies
from autograder.grading.classreport.entries import Attempt, ClassWork, Entry
from autograder.grading.classreport.items import Item, item
from autograder.grading.classreport.oddities import Known, known_of, oddities
from autograder.grading.classreport.progress import Mending, Step, mending, seconds_to_mend, steps
from autograder.labs.lab import Lab
from autograder.labs.verdict import Outcome


class Standing(StrEnum):
    """Where a student stands on the lab."""

    COMPLETE = "complete"
    """Every check passed."""
    SHORT = "not yet"
    """Judged, and some check failed."""
    UNJUDGED = "could not be judged"
    """Some check could not be judged: zero points for it, and the reason is in the feedback."""
    UNGRADED = "no verdict"
    """Handed in, and not judged: grading did not run since, or it failed through our fault. Never a zero."""


@dataclass(frozen=True)
class StudentRow:
    """One student. ``stuck`` is the first check without full points; ``outcomes`` and ``earned`` are by check."""

    student: str
    standing: Standing
    points: float | None
    outcomes: Mapping[str, str]
    earned: Mapping[str, float]
    stuck: str
    mistakes: tuple[str, ...]
    attempts: int
    seconds_to_mend: float | None
    copies: int
    """Number of the group of likely copies, from 1; 0 for none."""
    strangers: tuple[str, ...]
    """Servers named that only other students' variants of the lab have."""


@dataclass(frozen=True)
class CheckRow:
    """One check over the class. ``stuck`` are the students whose first check without full points it is."""

    name: str
    title: str
    points: float
    passed: int
    failed: int
    unjudged: int
    stuck: int
    item: Item


@dataclass(frozen=True)
class MistakeRow:
    """A mistake that is still in the class's work; ``checks`` counts the students by failed check.

    ``guide``: the field guide has a page on it. A slip that only the lab knows has none; its title is the lab's words.
    """

    slug: str
    title: str
    students: int
    checks: tuple[tuple[str, int], ...]
    guide: bool = True


@dataclass(frozen=True)
class Bar:
    """The students with at least ``low`` points and less than the next bar's; the last bar holds the full score too."""

    low: float
    high: float
    students: int


@dataclass(frozen=True)
class Summary:
    """Everything the report says about a class and a lab."""

    lab: str
    title: str
    max_points: float
    standings: Mapping[Standing, int]
    bars: tuple[Bar, ...]
    mean: float | None
    median: float | None
    checks: tuple[CheckRow, ...]
    mistakes: tuple[MistakeRow, ...]
    unexplained: int
    """Students who failed a check in a way no mistake of the catalogue explains."""
    steps: tuple[Step, ...]
    mending: Mending
    copies: tuple[Group, ...]
    students: tuple[StudentRow, ...]
    damaged: tuple[str, ...]
    older: int
    last: datetime | None
    """The newest submission's time."""

    @property
    def handed_in(self) -> int:
        """How many handed in."""
        return len(self.students)

    @property
    def graded(self) -> int:
        """How many have a verdict."""
        return self.handed_in - self.standings[Standing.UNGRADED]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        data = asdict(self)
        data["standings"] = {str(standing): count for standing, count in self.standings.items()}
        data["last"] = self.last.isoformat() if self.last else None
        return {"handed_in": self.handed_in, "graded": self.graded, **data}


def summarise(work: ClassWork, titles: Mapping[str, str] | None = None) -> Summary:
    """The class in numbers. ``titles`` are the catalogue's: slug → title; the order of entries does not matter."""
    lab = work.lab
    entries = sorted(work.entries, key=lambda entry: entry.student)
    judged = [entry.now for entry in entries if entry.now is not None]
    copies = _copies(entries, known_of(lab))
    group_of = {student: number for number, group in enumerate(copies, 1) for student in group.students}
    rows = tuple(_student(entry, group_of.get(entry.student, 0)) for entry in entries)
    counts = Counter(row.standing for row in rows)
    points = [attempt.points for attempt in judged]
    mistakes, unexplained = _mistakes(judged, lab, titles or {})
    return Summary(
        lab=lab.slug,
        title=lab.title,
        max_points=lab.points,
        standings={standing: counts[standing] for standing in Standing},
        bars=bars(points, lab.points),
        mean=fsum(points) / len(points) if points else None,
        median=median(points) if points else None,
        checks=tuple(_checks(lab, judged, Counter(row.stuck for row in rows))),
        mistakes=mistakes,
        unexplained=unexplained,
        steps=steps(entries),
        mending=mending(entries),
        copies=copies,
        students=rows,
        damaged=work.damaged,
        older=work.older,
        last=max((max(entry.handed_in) for entry in entries if entry.handed_in), default=None),
    )


def bars(points: Sequence[float], most: float) -> tuple[Bar, ...]:
    """The distribution: a bar a point where that is few bars, else ten equal ones. Every student is in one bar."""
    whole = most == floor(most) and 1 <= most <= 20
    number = int(most) if whole else 10
    width = most / number if most else 1.0
    places = Counter(min(number, max(0, floor(each / width + 1e-9))) for each in points)
    if whole:
        return tuple(Bar(float(low), float(low), places[low]) for low in range(number + 1))
    places[number - 1] += places.pop(number, 0)
    return tuple(Bar(low * width, (low + 1) * width, places[low]) for low in range(number))


def _student(entry: Entry, group: int) -> StudentRow:
    now = entry.now
    verdicts = now.verdicts if now else ()
    stuck = next((verdict.check for verdict in verdicts if verdict.outcome is not Outcome.PASSED), "")
    return StudentRow(
        student=entry.student,
        standing=_standing(now),
        points=now.points if now else None,
        outcomes={verdict.check: str(verdict.outcome) for verdict in verdicts},
        earned={verdict.check: verdict.points for verdict in verdicts},
        stuck=stuck,
        mistakes=tuple(sorted({slug for slug, _ in _causes(now)})) if now else (),
        attempts=max(len(entry.attempts), len(entry.handed_in)),
        seconds_to_mend=seconds_to_mend(entry),
        copies=group,
        strangers=entry.strangers,
    )


def _standing(now: Attempt | None) -> Standing:
    outcomes = {verdict.outcome for verdict in now.verdicts} if now else {Outcome.OURS}
    if Outcome.OURS in outcomes:
        return Standing.UNGRADED
    if outcomes == {Outcome.PASSED}:
        return Standing.COMPLETE
    return Standing.UNJUDGED if Outcome.UNJUDGED in outcomes else Standing.SHORT


def _checks(lab: Lab, judged: Sequence[Attempt], stuck: Mapping[str, int]) -> Iterable[CheckRow]:
    for check in lab.checks:
        seen = Counter(verdict.outcome for now in judged for verdict in now.verdicts if verdict.check == check.name)
        yield CheckRow(
            name=check.name,
            title=check.title,
            points=check.points,
            passed=seen[Outcome.PASSED],
            failed=seen[Outcome.FAILED],
            unjudged=seen[Outcome.UNJUDGED],
            stuck=stuck.get(check.name, 0),
            item=item(check.name, judged),
        )


def _causes(now: Attempt) -> set[tuple[str, str]]:
    """(mistake, check it explains), for checks that failed."""
    return {
        (cause.mistake, verdict.check)
        for verdict in now.verdicts
        if verdict.outcome is Outcome.FAILED
        for cause in verdict.causes
    }


def _mistakes(judged: Sequence[Attempt], lab: Lab, titles: Mapping[str, str]) -> tuple[tuple[MistakeRow, ...], int]:
    students: Counter[str] = Counter()
    checks: dict[str, Counter[str]] = defaultdict(Counter)
    unexplained = 0
    for now in judged:
        causes = _causes(now)
        students.update({slug for slug, _ in causes})
        for slug, check in causes:
            checks[slug][check] += 1
        failed = {verdict.check for verdict in now.verdicts if verdict.outcome is Outcome.FAILED}
        unexplained += bool(failed - {check for _, check in causes})
    order = [check.name for check in lab.checks]
    rows = [
        MistakeRow(
            slug,
            titles.get(slug) or _in_the_labs_words(slug, judged),
            count,
            tuple(sorted(checks[slug].items(), key=lambda each: order.index(each[0]) if each[0] in order else 99)),
            guide=slug in titles,
        )
        for slug, count in students.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.students, row.slug))), unexplained


def _in_the_labs_words(slug: str, judged: Sequence[Attempt]) -> str:
    """What most students were told of a mistake that is in no catalogue."""
    words = [
        cause.message for now in judged for verdict in now.verdicts for cause in verdict.causes if cause.mistake == slug
    ]
    return max(sorted(set(words)), key=words.count, default=slug) or slug


def _copies(entries: Sequence[Entry], known: Known) -> tuple[Group, ...]:
    return likely_copies(
        {
            entry.student: oddities(entry.files, known, wrong=entry.now is not None and not entry.now.complete)
            for entry in entries
            if entry.files
        }
    )
