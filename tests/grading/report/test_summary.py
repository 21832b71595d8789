"""The class in numbers."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.grading.classreport.entries import Attempt, ClassWork, Entry
from autograder.grading.classreport.summary import Standing, bars, summarise
from autograder.labs.verdict import Outcome
from tests.grading.report.classes import LAB, WRONG, entry, marks, verdict


def work(*entries: Entry) -> ClassWork:
    return ClassWork(LAB, entries)


def test_every_student_is_counted_once() -> None:
    broken = Attempt(verdicts=entry("x", "missing-semicolon").now.verdicts)  # type: ignore[union-attr]
    ours = Attempt(tuple(verdict(check.name, Outcome.OURS) for check in LAB.checks))
    found = summarise(
        work(
            entry("a", "reference"),
            entry("b", "weight-kept"),
            Entry("c", broken, (broken,)),
            Entry("d", None),
            Entry("e", ours, (ours,)),
        )
    )
    assert dict(found.standings) == {
        Standing.COMPLETE: 1, Standing.SHORT: 1, Standing.UNJUDGED: 1, Standing.UNGRADED: 2
    }  # fmt: skip
    assert (found.handed_in, found.graded) == (5, 3)
    json.dumps(found.to_dict(), allow_nan=False)


def test_where_people_get_stuck_is_the_first_open_check() -> None:
    found = summarise(work(entry("a", "weight-kept"), entry("b", "no-second-try"), entry("c", "missing-semicolon")))
    assert {check.name: check.stuck for check in found.checks} == {
        "starts": 1, "spread": 1, "office": 0, "one-down": 1, "peak": 0
    }  # fmt: skip
    assert {check.name: (check.passed, check.failed, check.unjudged) for check in found.checks}["peak"] == (1, 1, 1)


def test_mistakes_are_counted_by_student_and_told_by_check() -> None:
    found = summarise(
        work(entry("a", "weight-kept"), entry("b", "only-the-hash"), entry("c", "no-second-try")),
        {"weight-skew": "A weight too many"},
    )
    assert [(row.slug, row.students) for row in found.mistakes] == [
        ("weight-skew", 2),
        ("left-down", 1),
        ("no-retry", 1),
    ]
    assert found.mistakes[0].title == "A weight too many"
    assert found.mistakes[0].checks == (("spread", 2), ("office", 2), ("peak", 2))
    assert found.unexplained == 0


def test_a_failure_that_nothing_explains_is_counted() -> None:
    now = marks(True, False, True, True, True)
    found = summarise(work(Entry("a", now, (now,)), entry("b", "reference")))
    assert (found.mistakes, found.unexplained) == ((), 1)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(0, 10), max_size=60), st.sampled_from([1, 3, 10, 12.5, 20, 37, 100]))
def test_each_student_is_in_one_bar(points: list[float], most: float) -> None:
    points = [min(each, most) for each in points]
    found = bars(points, most)
    assert sum(bar.students for bar in found) == len(points)
    assert all(one.low < other.low for one, other in pairwise(found))


def test_the_full_score_is_in_the_last_bar() -> None:
    assert bars([10.0, 10.0, 9.5, 0.0], 10)[-1].students == 2
    assert bars([12.5], 12.5)[-1].students == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_students_changes_nothing(seed: int) -> None:
    chance = random.Random(seed)
    entries = [entry(f"s{number}", chance.choice(["reference", *WRONG])) for number in range(50)]
    mixed = list(entries)
    chance.shuffle(mixed)
    assert summarise(work(*mixed)) == summarise(work(*entries))


def test_a_class_without_a_verdict_is_a_class() -> None:
    found = summarise(work(Entry("a", None)))
    assert (found.mean, found.median, found.steps) == (None, None, ())
    json.dumps(found.to_dict())
