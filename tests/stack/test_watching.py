"""A stack's own Prometheus: what it counts is what was sent, and what it alerts on has happened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autograder.stack.engine import EngineError
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.procfs import wait_until
from autograder.stack.running import open_stack
from autograder.stack.watching import PROGRAM
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.stack.conftest import config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autograder.stack.running import RunningStack

STACK = Stack(
    "watched", (Balancer("lb", "nginx"),), tuple(Server(f"app{n}", page_ms=1) for n in (1, 2, 3)), prometheus=True
)
RULES = b"""groups:
- name: shop
  rules:
  - alert: ServerDown
    expr: up == 0
"""
PATIENCE = 30.0

pytestmark = pytest.mark.skipif(not Path(PROGRAM).exists(), reason="Prometheus is not installed")


@pytest.fixture
def watched(engine: str) -> Iterator[RunningStack]:
    with open_stack(STACK, engine) as running:
        assert running.apply(config("nginx")).ok
        yield running


def test_it_counts_what_was_sent_and_alerts_on_what_happened(watched: RunningStack) -> None:
    watcher = watched.watch({"shop.yml": RULES})
    crowd = population("many")
    assert send(watched, crowd, crowd.browse(90)).failures == {}

    def counted() -> dict[str, float]:
        found = watcher.query("sum by (server) (shop_requests_total)")
        return {one.labels["server"]: one.value for one in found}

    assert wait_until(lambda: counted() == {"app1": 30, "app2": 30, "app3": 30}, PATIENCE)
    assert watcher.firing() == ()
    watched.kill("app2")
    assert wait_until(lambda: watcher.firing() == ("ServerDown",), PATIENCE)
    watched.bring_back()
    assert wait_until(lambda: watcher.firing() == (), PATIENCE)


def test_what_makes_no_sense_is_told_in_its_own_words(watched: RunningStack) -> None:
    with pytest.raises(EngineError, match="unknown function"):
        watched.watch().query("summ(up)")
    with pytest.raises(EngineError, match=r"shop\.yml"):
        with open_stack(STACK) as another:
            another.watch({"shop.yml": b"groups: 3"})


def test_a_stack_without_one_says_so(opened: Callable[..., RunningStack]) -> None:
    with pytest.raises(EngineError, match="has no Prometheus"):
        opened("nginx", "local").watch()
