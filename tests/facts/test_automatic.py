"""What module 9 says about limits and looks: binomial arithmetic, beside the numbers on its pages."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from tests.facts.shop import words_of

MODULE = Path(__file__).parents[2] / "course/modules/09-automatic"
REQUESTS, LOOKS, USUAL, BAD = 200, 600, 0.001, 0.02


def reaches(limit: int, failing: float) -> float:
    """Chance of ``limit`` failures or more in one look."""
    return 1 - sum(
        math.comb(REQUESTS, count) * failing**count * (1 - failing) ** (REQUESTS - count) for count in range(limit)
    )


def in_a_watch(limit: int) -> float:
    """Chance that a good change reaches the limit in some look."""
    return 1 - (1 - reaches(limit, USUAL)) ** LOOKS


def test_limits_looks_and_how_many_rollbacks_are_right() -> None:
    rows = re.findall(r"\| (\d) \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) % \|", words_of(MODULE / "decide.md"))
    assert [row[0] for row in rows] == ["2", "4", "6"]
    for limit, once, watched, right in rows:
        wrongly = in_a_watch(int(limit))
        assert 100 * reaches(int(limit), USUAL) == pytest.approx(float(once), rel=0.05)
        assert 100 * wrongly == pytest.approx(float(watched), rel=0.02)
        assert 100 * BAD / (BAD + (1 - BAD) * wrongly) == pytest.approx(float(right), rel=0.02)
    front = words_of(MODULE / "index.md")
    assert "**In 38 of 100 cases.**" in front
    assert "once in 18,000 looks" in front
    assert 1 / reaches(4, USUAL) == pytest.approx(18_000, rel=0.01)


def test_how_soon_harm_is_noticed() -> None:
    rows = re.findall(r"\| (\d) % fail \| (\d+) % \| (all|\d+ %) \|", words_of(MODULE / "decide.md"))
    assert len(rows) == 2
    for failing, once, ten in rows:
        chance = reaches(6, int(failing) / 100)
        assert round(100 * chance) == int(once)
        within = 1 - (1 - chance) ** 10
        assert (within > 0.999999) if ten == "all" else round(100 * within) == int(ten.removesuffix(" %"))
