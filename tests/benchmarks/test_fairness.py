"""Right work keeps its points and wrong work gains none, while the processors are busy with something else."""

from __future__ import annotations

import os

import pytest

from autograder.bench import fairness
from autograder.bench.burners import burning
from autograder.stack.procfs import family_pids


def test_the_bound_is_the_one_of_clopper_and_pearson() -> None:
    assert fairness.upper_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert fairness.upper_bound(0, 1000) < 0.003
    assert fairness.upper_bound(1, 1000) > fairness.upper_bound(0, 1000)
    assert fairness.upper_bound(0, 0) == 1.0


def test_burners_end_with_the_block() -> None:
    before = family_pids(os.getpid())
    with burning(3) as count:
        assert count == 3
        assert len(family_pids(os.getpid()) - before) >= 3
    assert family_pids(os.getpid()) <= before


@pytest.mark.slow
def test_a_busy_machine_takes_no_points_and_gives_none() -> None:
    found = fairness.measure(6, busy=2, jobs=2)
    assert found.exit_code == 0, found.report()
    assert found.to_dict()["right"]["failures"] == 0
