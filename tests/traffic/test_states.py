"""States: each is what it says while it lasts, and all is well afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from autograder.errors import ManyHandsError
from autograder.stack.conduct import WELL
from autograder.stack.model import CLIENTS, Server
from autograder.stack.procfs import wait_until
from autograder.traffic.clients import population
from autograder.traffic.send import send
from autograder.traffic.states import STATES, in_state, state_named
from tests.stack.conftest import config

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.running import RunningStack
    from autograder.traffic.sample import Sample

Opened = "Callable[..., RunningStack]"


@pytest.fixture
def running(opened: Callable[..., RunningStack], proxy: str) -> RunningStack:
    servers = tuple(Server(f"app{n}", page_ms=2, service_ms=60, queue=200) for n in (1, 2, 3))
    stack = opened(proxy, "local", servers)
    assert stack.apply(config(proxy)).ok
    return stack


def browse(running: RunningStack, requests: int = 90) -> Sample:
    crowd = population("many")
    return send(running, crowd, crowd.browse(requests), concurrency=6)


@pytest.mark.parametrize("name", STATES)
def test_all_is_well_after_any_state(running: RunningStack, name: str) -> None:
    with in_state(running, name) as state:
        assert state.name == name
        browse(running)
    assert all(state.up for state in running.servers().values())
    assert all(running.conduct(name) == WELL for name in running.servers())
    assert running.apply(config("nginx" if running.stack.balancer.proxy == "nginx" else "haproxy")).ok
    assert browse(running).failures == {}


def test_one_down(running: RunningStack) -> None:
    with in_state(running, "one-down", "app2") as state:
        assert (state.victim, state.serving) == ("app2", ("app1", "app3"))
        assert not running.servers()["app2"].up
        assert "app2" not in browse(running).counts()


def test_one_slow(running: RunningStack) -> None:
    with in_state(running, "one-slow", "app2") as state:
        assert "app2" in state.described
        fates = browse(running).fates
    slow = [fate.latency_ms for fate in fates if fate.server == "app2"]
    assert min(slow) >= 19  # ten times a page's 2 ms; a timer counts whole milliseconds and may be one early


def test_one_failing_fast(running: RunningStack) -> None:
    with in_state(running, "one-failing-fast", "app3"):
        sample = browse(running)
    assert {fate.server for fate in sample.fates if fate.status == 500} == {"app3"}


def test_just_reloaded(running: RunningStack) -> None:
    before = running.loaded().markers
    with in_state(running, "just-reloaded"):
        assert running.loaded().markers != before
        assert running.machines.state("lb").starts == 1


def test_fresh_start(running: RunningStack) -> None:
    with in_state(running, "fresh-start"):
        assert running.machines.state("lb").starts == 2


def test_recovering(running: RunningStack) -> None:
    with in_state(running, "recovering", "app1"):
        assert running.servers()["app1"].starts == 2


def checked_config(words: str) -> dict[str, bytes]:
    text = config("haproxy")["haproxy.cfg"].decode().replace("server app2 app2:8080", f"server app2 app2:8080 {words}")
    return {"haproxy.cfg": text.encode()}


@pytest.mark.parametrize("proxy", ["haproxy"])
def test_recovering_waits_until_checks_saw_the_death_and_the_return(running: RunningStack) -> None:
    def changes() -> int:
        said = running.machines.logs("lb")
        return said.count("Server shop/app2 is DOWN") * 10 + said.count("Server shop/app2 is UP")

    assert running.apply(checked_config("check inter 300ms fall 2 rise 2")).ok
    with in_state(running, "recovering", "app2"):
        assert changes() == 11
        assert browse(running).counts().get("app2", 0) > 20


@pytest.mark.parametrize("proxy", ["haproxy"])
def test_a_server_that_must_pass_very_many_checks_is_not_waited_for(running: RunningStack) -> None:
    assert running.apply(checked_config("check inter 100ms fall 1 rise 6000")).ok
    with in_state(running, "recovering", "app2"):
        now = next(server for server in running.runtime().servers if server.name == "app2")
        assert now.status.startswith("DOWN ")
        assert now.check == "L4OK"


@pytest.mark.parametrize("proxy", ["haproxy"])
def test_a_server_goes_down_only_after_its_first_check(running: RunningStack) -> None:
    assert running.apply(checked_config("check inter 700ms fall 1000")).ok
    with in_state(running, "one-down", "app2"):
        now = next(server for server in running.runtime().servers if server.name == "app2")
        assert now.status.startswith("UP"), "one failed check is not a thousand"


def test_overloaded(running: RunningStack) -> None:
    def busy() -> list[int]:
        found = []
        for name in running.servers():
            url = f"http://{running.machines.address(name)}:8080/-/status"
            answer = running.machines.call(CLIENTS, "autograder.stack.watching:ask_on_node", {"url": url})
            found.append(json.loads(answer["text"])["busy"])
        return found

    with in_state(running, "overloaded"):
        assert wait_until(lambda: all(now == 4 for now in busy()), 20)  # all workers of every server


def test_an_unknown_state_is_answered_with_the_nearest() -> None:
    with pytest.raises(ManyHandsError, match="'one-down'"):
        state_named("one-dwon")
