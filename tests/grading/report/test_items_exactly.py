"""The numbers and words of each check as an item, at their bounds: found by changing the code at random.

What such changes still survive changes nothing that can be seen: one of the two means in the sum of products, which the
other one's deviations cancel; bounds that only keep off errors of rounding; and a variance that is 1e-12 to the digit.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest

from autograder.grading.classreport.entries import Attempt
from autograder.grading.classreport.items import Item, correlation, in_words, item
from autograder.labs.verdict import Outcome, Verdict


def attempt(peak: float, rest: float, outcome: Outcome = Outcome.FAILED, most: float = 4.0) -> Attempt:
    return Attempt((Verdict("peak", outcome, peak, most, ""), Verdict("rest", Outcome.FAILED, rest, 9.0, "")))


def test_the_correlation_of_few_and_of_what_hardly_varies() -> None:
    assert correlation([]) is correlation([(1.0, 2.0)]) is None
    assert correlation([(0.0, 5.0), (1.0, 3.0)]) == pytest.approx(-1.0)
    assert correlation([(0.0, 1.0), (1.0, 4.0), (5.0, 4.0)]) == pytest.approx(6 / sqrt(14 * 6))
    assert correlation([(0.0, 0.0), (1e-7, 1.0)]) is correlation([(0.0, 0.0), (1.0, 1e-7)]) is None
    assert correlation([(0.0, 0.0), (1e-5, 1.0)]) == pytest.approx(1.0)
    assert correlation([(0.0, 0.0), (1.0, 1e-5)]) == pytest.approx(1.0)


def test_points_are_shares_and_the_rest_is_without_the_check() -> None:
    attempts = [attempt(peak, rest) for peak, rest in [(0.0, 1.0), (1.0, 2.0), (3.0, 2.5)] * 10]
    assert item("peak", attempts) == Item(
        *("peak", 30, pytest.approx(1 / 3)),
        pytest.approx(correlation([(0.0, 1.0), (0.25, 2.0), (0.75, 2.5)])),
    )
    assert item("peak", attempts[:29]) == Item("peak", 29, pytest.approx(37 / 4 / 29), None)
    assert item("peak", attempts[:10]).difficulty == pytest.approx(3 / 10)
    assert item("peak", attempts[:9]) == Item("peak", 9, None, None)
    assert item("none", attempts) == Item("none", 0, None, None)


def test_only_what_was_judged_and_has_points_counts() -> None:
    odd = [attempt(0.0, 1.0, Outcome.UNJUDGED), attempt(0.0, 1.0, Outcome.OURS), attempt(0.0, 1.0, most=0.0)]
    assert item("peak", [*odd, attempt(4.0, 1.0, Outcome.PASSED)]).n == 1
    more = [attempt(5.0, 1.0, Outcome.PASSED)] * 10
    assert item("peak", more).difficulty == 1.0


ITEM = Item("peak", 30, 0.5, 0.3)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (replace(ITEM, difficulty=None), "too few to say (fewer than 10)"),
        (replace(ITEM, n=29), "of middling difficulty; too few to say whom it tells apart (fewer than 30)"),
        (
            replace(ITEM, discrimination=None),
            "of middling difficulty; everybody is alike on it, so it tells nobody apart",
        ),
        (
            replace(ITEM, discrimination=-0.001),
            "of middling difficulty; the stronger fail it more often: look at this check",
        ),
        (replace(ITEM, discrimination=0.0), "of middling difficulty; hardly tells strong from weak"),
        (replace(ITEM, discrimination=0.199), "of middling difficulty; hardly tells strong from weak"),
        (replace(ITEM, discrimination=0.2), "of middling difficulty; tells strong from weak"),
        (replace(ITEM, discrimination=0.399), "of middling difficulty; tells strong from weak"),
        (replace(ITEM, discrimination=0.4), "of middling difficulty; tells strong from weak very well"),
        *(
            (replace(ITEM, difficulty=share), f"{hard}; tells strong from weak")
            for share, hard in [
                *((0.0, "hard"), (0.399, "hard"), (0.4, "of middling difficulty"), (0.749, "of middling difficulty")),
                *((0.75, "easy"), (0.949, "easy"), (0.95, "nearly everybody has it"), (1.0, "nearly everybody has it")),
            ]
        ),
    ],
)
def test_what_the_numbers_mean_is_said_like_this(one: Item, words: str) -> None:
    assert in_words(one) == words
