"""A pool among many that looked concentrated, once: it is asked again, with as many requests as its verdict needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.inspect import inspection
from autograder.inspect.config import Config
from autograder.inspect.measure import Measuring
from autograder.inspect.second_look import look_again
from autograder.inspect.unexplained import _Search
from autograder.judge.spread import Spread
from autograder.stack.twin.twin import open_twin

MANY_POOLS = Path(__file__).parents[1] / "mistakes/healthy/nginx/21-ingress-controller.conf"
POOL = "shop-service-7-80"


@pytest.fixture(scope="module")
def measuring() -> Iterator[Measuring]:
    config = Config("nginx.conf", {"nginx.conf": MANY_POOLS.read_bytes()}, "nginx.conf", "nginx")
    with open_twin(config.files, config.main, config.proxy, "local", {}, None) as twin:
        yield inspection._measuring(twin, config, inspection.Wishes())


def test_what_came_by_chance_does_not_come_again(measuring: Measuring) -> None:
    runs = measuring.run("many", "all-up")
    assert len(runs) > 20
    by_chance = [
        replace(run, verdict=replace(run.verdict, spread=Spread.CONCENTRATED)) if run.pool == POOL else run
        for run in runs
    ]
    look = look_again(measuring, by_chance, (), weights=True)
    assert {run.pool: run.verdict.spread for run in look.runs} == {run.pool: Spread.EVEN for run in runs}


def test_a_variant_is_judged_by_traffic_for_the_pool_in_question(measuring: Measuring) -> None:
    hot = [run for run in measuring.run("many", "all-up") if run.pool == POOL]
    measured = _Search(measuring, measuring.twin.files, hot, float("inf"))._measured("many")
    assert measured is not None
    assert measured.verdict.spread is Spread.EVEN
