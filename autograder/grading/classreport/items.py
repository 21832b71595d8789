"""How each check works as an item of a test: its difficulty and its discrimination (classical test theory)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Final

from autograder.grading.classreport.entries import Attempt
from autograder.labs.verdict import Outcome

ENOUGH_FOR_DIFFICULTY: Final = 10
"""Fewer judged students than this are too few to state a difficulty."""
ENOUGH_FOR_DISCRIMINATION: Final = 30
"""The same for a correlation: with 30, one that is 0 in truth comes out beyond ±0.36 once in twenty classes."""


@dataclass(frozen=True)
class Item:
    """A check as an item. ``n`` students were judged on it; what is None cannot be said."""

    check: str
    n: int
    difficulty: float | None
    """Share of its points that were earned: 1 is easy, 0 is hard."""
    discrimination: float | None
    """From -1 to 1: whether who passes it does better on the other checks."""


def item(check: str, attempts: Sequence[Attempt]) -> Item:
    r"""The statistics of one check over the students' present verdicts.

    Difficulty is the item's mean score, as a share of its points: the classical *p value*

        p = Σ x_i / (n · m)

    with x_i the points of student i of the m points of the check. Discrimination is the corrected item-total
    correlation: Pearson's correlation of x with the *rest score* t - x, t being the student's points in all. For a
    check that is passed or failed it is the point-biserial correlation with the rest. The item is taken out of the
    total, because its correlation with itself would flatter it.

        r = Σ (x_i - x̄)(y_i - ȳ) / √(Σ (x_i - x̄)² · Σ (y_i - ȳ)²),   y_i = t_i - x_i

    Only students whom the check judged (passed or failed) count. A check that could not judge them says nothing about
    its difficulty; in the rest score it counts zero, as in the gradebook.

    Source: Crocker and Algina, *Introduction to Classical and Modern Test Theory* (1986), chapter 14; Henrysson,
    "Correction of item-total correlations in item analysis", *Psychometrika* 28 (1963), 211-218.
    """
    pairs: list[tuple[float, float]] = []
    for attempt in attempts:
        for verdict in attempt.verdicts:
            if verdict.check == check and verdict.outcome in (Outcome.PASSED, Outcome.FAILED) and verdict.max_points:
                pairs.append((verdict.points / verdict.max_points, attempt.points - verdict.points))
    n = len(pairs)
    difficulty = min(1.0, fsum(x for x, _ in pairs) / n) if n >= ENOUGH_FOR_DIFFICULTY else None
    return Item(check, n, difficulty, correlation(pairs) if n >= ENOUGH_FOR_DISCRIMINATION else None)


def correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Pearson's correlation in -1 … 1; None where one of the two does not vary."""
    n = len(pairs)
    if n < 2:
        return None
    mean_x, mean_y = fsum(x for x, _ in pairs) / n, fsum(y for _, y in pairs) / n
    along_x = fsum((x - mean_x) ** 2 for x, _ in pairs)
    along_y = fsum((y - mean_y) ** 2 for _, y in pairs)
    if along_x < 1e-12 or along_y < 1e-12:
        return None
    together = fsum((x - mean_x) * (y - mean_y) for x, y in pairs)
    return max(-1.0, min(1.0, together / (sqrt(along_x) * sqrt(along_y))))


def in_words(one: Item) -> str:
    """What the two numbers mean for whoever wrote the check. Bounds of discrimination after Ebel (1965)."""
    if one.difficulty is None:
        return f"too few to say (fewer than {ENOUGH_FOR_DIFFICULTY})"
    if one.difficulty >= 0.95:
        hard = "nearly everybody has it"
    elif one.difficulty >= 0.75:
        hard = "easy"
    else:
        hard = "of middling difficulty" if one.difficulty >= 0.4 else "hard"
    if one.n < ENOUGH_FOR_DISCRIMINATION:
        return f"{hard}; too few to say whom it tells apart (fewer than {ENOUGH_FOR_DISCRIMINATION})"
    if one.discrimination is None:
        return f"{hard}; everybody is alike on it, so it tells nobody apart"
    if one.discrimination < 0:
        return f"{hard}; the stronger fail it more often: look at this check"
    if one.discrimination < 0.2:
        return f"{hard}; hardly tells strong from weak"
    return f"{hard}; tells strong from weak{' very well' if one.discrimination >= 0.4 else ''}"
