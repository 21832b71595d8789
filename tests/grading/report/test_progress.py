"""From attempt to attempt, and how long a mend takes."""

from __future__ import annotations

from datetime import timedelta

from autograder.grading.classreport.entries import Attempt, Entry
from autograder.grading.classreport.progress import mending, seconds_to_mend, steps
from tests.grading.report.classes import BEGAN, marks

GOOD, BAD = marks(*[True] * 5), marks(True, False, False, True, False)


def student(*tries: tuple[Attempt, float], extra: tuple[float, ...] = ()) -> Entry:
    """Somebody with attempts (what came of it, minutes since the lab began), and submissions that were not judged."""
    attempts = tuple(Attempt(found.verdicts, BEGAN + timedelta(minutes=minutes)) for found, minutes in tries)
    times = sorted([*(minutes for _, minutes in tries), *extra])
    handed_in = tuple(BEGAN + timedelta(minutes=minutes) for minutes in times)
    return Entry("x", attempts[-1] if attempts else None, attempts, handed_in)


def test_time_to_mend_is_from_the_first_submission_to_the_first_complete_one() -> None:
    assert seconds_to_mend(student((GOOD, 5))) == 0
    assert seconds_to_mend(student((BAD, 5), (GOOD, 35), (GOOD, 90))) == 30 * 60
    assert seconds_to_mend(student((GOOD, 35), extra=(5,))) == 30 * 60
    assert seconds_to_mend(student((BAD, 5))) is None
    assert seconds_to_mend(student()) is None
    assert seconds_to_mend(Entry("x", GOOD, (BAD, GOOD))) is None


def test_the_class_is_split_in_three_and_only_later_mends_are_timed() -> None:
    entries = [student((GOOD, 5))] * 4 + [student((BAD, 0), (GOOD, 10 * k)) for k in (1, 2, 3)] + [student((BAD, 9))]
    found = mending([*entries, student()])
    assert (found.at_once, found.later, found.not_yet, found.timed) == (4, 3, 1, 3)
    assert found.quartiles == (15 * 60, 20 * 60, 25 * 60)
    assert mending([student((BAD, 0), (GOOD, 10))]).quartiles == (600, 600, 600)
    assert mending([]).quartiles is None


def test_steps_are_of_the_whole_class_so_that_they_can_be_compared() -> None:
    entries = [student((GOOD, 1)), student((BAD, 1), (GOOD, 2)), student((BAD, 1), (BAD, 2), (GOOD, 3)), student()]
    found = steps(entries)
    assert [(step.number, step.students, step.complete) for step in found] == [(1, 3, 1), (2, 2, 2), (3, 1, 3)]
    assert found[-1].mean == 1.0
    assert [step.mean for step in found] == sorted(step.mean for step in found)
    assert steps([]) == ()
