"""What must hold on any machine, however busy: exact counts side by side, and ratios of things measured together."""

from __future__ import annotations

import shutil

import pytest

from autograder.bench import load_generator, stacks

pytestmark = pytest.mark.slow


def test_twenty_stacks_side_by_side_count_right() -> None:
    assert stacks.side_by_side()["wrong_counts"] == 0


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_the_load_generator_keeps_up_with_wrk() -> None:
    # A quiet machine shows 0.9 and more; here others are at work, too, and what is measured is that nothing is broken.
    found = load_generator.measure(rounds=1, seconds=1.0)
    assert all(row["ratio"] > 0.3 for kinds in found.values() for row in kinds.values()), found
