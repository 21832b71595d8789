"""Item statistics: their bounds, their known values, and when nothing can be said."""

from __future__ import annotations

import random
import statistics
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.grading.classreport.entries import Attempt
from autograder.grading.classreport.items import (
    ENOUGH_FOR_DIFFICULTY,
    ENOUGH_FOR_DISCRIMINATION,
    correlation,
    in_words,
    item,
)
from autograder.labs.verdict import Outcome
from tests.grading.report.classes import LAB, marks, verdict

NAMES = [check.name for check in LAB.checks]
ROWS = st.lists(st.tuples(*(st.booleans() for _ in NAMES)), min_size=0, max_size=80)
unhurried = settings(deadline=None, max_examples=60)


@unhurried
@given(ROWS)
def test_difficulty_and_discrimination_keep_their_bounds(rows: list[tuple[bool, ...]]) -> None:
    attempts = [marks(*row) for row in rows]
    for name in NAMES:
        found = item(name, attempts)
        assert found.n == len(rows)
        assert found.difficulty is None or 0 <= found.difficulty <= 1
        assert found.discrimination is None or -1 <= found.discrimination <= 1
        assert (found.difficulty is None) == (len(rows) < ENOUGH_FOR_DIFFICULTY)
        if len(rows) < ENOUGH_FOR_DISCRIMINATION:
            assert found.discrimination is None
        assert in_words(found)


@unhurried
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_students_changes_nothing(rows: list[tuple[bool, ...]], chance: random.Random) -> None:
    attempts = [marks(*row) for row in rows]
    mixed = list(attempts)
    chance.shuffle(mixed)
    assert [item(name, mixed) for name in NAMES] == [item(name, attempts) for name in NAMES]


@unhurried
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=30, max_size=60))
def test_the_correlation_is_that_of_the_standard_library(pairs: list[tuple[bool, int]]) -> None:
    mine = correlation([(float(x), float(y)) for x, y in pairs])
    try:
        theirs = statistics.correlation([float(x) for x, _ in pairs], [float(y) for _, y in pairs])
    except statistics.StatisticsError:
        assert mine is None
    else:
        assert mine == pytest.approx(theirs, abs=1e-9)


def test_known_values() -> None:
    """Thirty pass everything, ten fail everything: p is 0.75, and any check tells the two apart wholly."""
    attempts = [marks(*[True] * 5)] * 30 + [marks(*[False] * 5)] * 10
    found = item("peak", attempts)
    assert found.difficulty == 0.75
    assert found.discrimination == pytest.approx(1.0)


def test_an_item_is_not_correlated_with_itself() -> None:
    """``peak`` is tossed like a coin: with itself in the total, it would seem to tell students apart."""
    attempts = [
        marks(True, high, high, high, coin) for high in (True, False) for coin in (True, False) for _ in range(10)
    ]
    assert item("peak", attempts).discrimination == pytest.approx(0.0)


def test_a_check_that_the_strong_fail_is_pointed_out() -> None:
    attempts = [marks(True, True, True, True, False)] * 20 + [marks(True, False, False, False, True)] * 20
    found = item("peak", attempts)
    assert found.discrimination == pytest.approx(-1.0)
    assert "look at this check" in in_words(found)


def test_a_check_all_pass_tells_nobody_apart() -> None:
    attempts = [marks(True, high, high, True, True) for high in (True, False) for _ in range(20)]
    found = item("starts", attempts)
    assert (found.difficulty, found.discrimination) == (1.0, None)
    assert "tells nobody apart" in in_words(found)


def test_who_could_not_be_judged_says_nothing_about_difficulty() -> None:
    broken = Attempt(tuple(verdict(name, Outcome.FAILED if name == "starts" else Outcome.UNJUDGED) for name in NAMES))
    attempts = [marks(*[True] * 5)] * 30 + [broken] * 10
    assert item("peak", attempts).n == 30
    assert item("peak", attempts).difficulty == 1.0
    assert item("starts", attempts).difficulty == 0.75
    assert item("starts", attempts).discrimination == pytest.approx(1.0)


def test_part_of_the_points_counts_as_part() -> None:
    half = [replace(each, points=each.max_points / 2) for each in marks(*[False] * 5).verdicts]
    assert item("spread", [Attempt(tuple(half))] * 10).difficulty == 0.5
