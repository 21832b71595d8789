"""Everything that can go wrong with a server, as traffic through a balancer sees it; the same on every engine."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import pytest

from autograder.stack.conduct import WELL, Conduct
from autograder.stack.engine import EngineError
from autograder.stack.model import CLIENTS, Server
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from autograder.stack.running import RunningStack
    from autograder.traffic.sample import Fate

Opened = "Callable[..., RunningStack]"

PATIENCE_MS = 400
"""How long the balancer waits for a server. It tries no other, so that each server's fault is seen as it is."""

CONFIG = """events {}
http {
  upstream shop { server app1:8080 max_fails=0; server app2:8080 max_fails=0; }
  server {
    listen 80;
    location / {
      proxy_pass http://shop;
      proxy_next_upstream off;
      proxy_connect_timeout %(patience)dms;
      proxy_read_timeout %(patience)dms;
    }
  }
}
"""


def config(patience_ms: int = PATIENCE_MS) -> dict[str, bytes]:
    return {"nginx.conf": (CONFIG % {"patience": patience_ms}).encode()}


@pytest.fixture
def running(opened: Opened, engine: str) -> RunningStack:
    """Two servers that take turns: of every two requests, app1 gets one."""
    stack = opened("nginx", engine, (Server("app1"), Server("app2")))
    assert stack.apply(config()).ok
    return stack


def fates(running: RunningStack, requests: int = 40) -> tuple[Fate, ...]:
    crowd = population("many")
    return send(running, crowd, crowd.browse(requests), concurrency=4, timeout=10.0).fates


def of(name: str, found: tuple[Fate, ...]) -> list[Fate]:
    return [fate for fate in found if fate.server == name]


def told(running: RunningStack, server: str) -> Conduct:
    answer: dict[str, Any] = running.machines.call(server, "autograder.stack.conduct:conduct_of", {"server": server})
    return Conduct(**answer)


def test_latency_makes_answers_late_by_as_much(running: RunningStack) -> None:
    running.afflict("app1", Conduct(latency_ms=120, jitter_ms=30))
    assert told(running, "app1") == Conduct(latency_ms=120, jitter_ms=30)
    found = fates(running)
    assert min(fate.latency_ms for fate in of("app1", found)) >= 120 - 30 - 3
    assert len(of("app1", found)) == len(of("app2", found)) == 20
    running.heal("app1")
    assert told(running, "app1") == WELL
    assert min(fate.latency_ms for fate in of("app1", fates(running))) < 87


def test_lost_packets_are_sent_again(running: RunningStack) -> None:
    assert running.apply(config(8000)).ok
    running.afflict("app1", Conduct(loss=0.3))
    found = fates(running, 80)
    # One in 120 new connections loses four SYNs in a row, and its request is not answered in time; that 5 of 40 do has
    # a chance of 2e-5.
    assert sum(fate.status == 200 for fate in found) > 75
    # A lost request is sent again after 200 ms. That none of 40 is lost has a chance of 0.7^40 = 6e-7.
    assert max(fate.latency_ms for fate in of("app1", found)) >= 150


def test_a_pulled_cable_lets_nothing_in_or_out(running: RunningStack) -> None:
    fates(running)  # connections to both are open and kept
    running.afflict("app1", Conduct(cut_off=True))
    found = fates(running)
    lost = [fate for fate in found if fate.status == 504]
    assert len(lost) == 20
    assert not of("app1", found)
    assert min(fate.latency_ms for fate in lost) >= PATIENCE_MS - 5
    said = running.machines.logs("lb")
    assert "timed out" in said
    assert "while reading response header from upstream" in said  # on a connection that was kept
    assert "while connecting to upstream" in said  # a new one: no answer to its SYN
    running.heal("app1")
    assert len(of("app1", fates(running))) == 20


def test_a_failing_server_answers_500_at_once_and_it_counts(running: RunningStack) -> None:
    running.afflict("app1", Conduct(failing=True))
    found = fates(running)
    assert [fate.status for fate in of("app1", found)] == [500] * 20
    assert [fate.status for fate in of("app2", found)] == [200] * 20


def test_a_server_that_hangs_up_does_the_work_and_says_nothing(running: RunningStack) -> None:
    marks = running.machines.call(CLIENTS, "autograder.traffic.done:marks", None)
    crowd = population("many")
    running.afflict("app1", Conduct(hangs_up=True))
    found = send(running, crowd, crowd.check_out(40), concurrency=4, timeout=10.0).fates
    assert [fate.status for fate in found if fate.server != "app2"] == [502] * 20
    assert [fate.status for fate in of("app2", found)] == [200] * 20
    assert "upstream prematurely closed connection" in running.machines.logs("lb")
    done = running.machines.call(CLIENTS, "autograder.traffic.done:checkouts", marks)
    assert done == {"lines": 40, "times": {"1": 40}}
    running.heal("app1")
    assert {fate.status for fate in fates(running)} == {200}


def test_a_slow_server_takes_as_many_times_longer(running: RunningStack) -> None:
    running.afflict("app1", Conduct(slowness=15))
    found = fates(running)
    assert min(fate.latency_ms for fate in of("app1", found)) >= 15 * 8 - 3
    assert statistics.median(fate.latency_ms for fate in of("app2", found)) < 15 * 8


def test_a_wrong_clock_refuses_the_sessions_of_others(running: RunningStack) -> None:
    crowd = population("few")
    assert {fate.status for fate in send(running, crowd, crowd.browse(60), concurrency=1).fates} == {200}
    running.afflict("app1", Conduct(clock_s=2 * 3600))
    refused = [fate for fate in send(running, crowd, crowd.browse(60), concurrency=1).fates if fate.status == 401]
    assert refused
    assert all(fate.server for fate in refused)


def test_a_full_disk_fails_every_page_that_must_be_written_down(running: RunningStack) -> None:
    running.afflict("app1", Conduct(disk_full=True))
    found = fates(running)
    assert [fate.status for fate in of("app1", found)] == [500] * 20
    assert [fate.status for fate in of("app2", found)] == [200] * 20
    assert "No space left on device" in running.machines.logs("app1")
    running.heal("app1")
    assert {fate.status for fate in fates(running)} == {200}


def test_faults_add_up_and_a_new_one_replaces_them_all(running: RunningStack) -> None:
    running.afflict("app1", Conduct(failing=True, latency_ms=150))
    found = of("app1", fates(running, 8))
    assert {fate.status for fate in found} == {500}
    assert min(fate.latency_ms for fate in found) >= 147
    running.afflict("app1", Conduct(failing=True))
    assert min(fate.latency_ms for fate in of("app1", fates(running, 8))) < 147


def test_a_server_that_is_started_again_knows_nothing_of_it_until_it_is_told(running: RunningStack) -> None:
    running.afflict("app1", Conduct(failing=True))
    running.machines.kill("app1")
    running.machines.start("app1")
    assert told(running, "app1") == WELL
    running.restart("app1")
    assert told(running, "app1") == Conduct(failing=True)


def test_what_cannot_be_is_refused(running: RunningStack) -> None:
    with pytest.raises(EngineError, match="part from 0 to 1"):
        running.machines.call("app1", "autograder.stack.conduct:behave", {"server": "app1", "loss": 3})
    assert told(running, "app1") == WELL


def test_a_paused_server_takes_connections_and_answers_nothing(running: RunningStack) -> None:
    running.pause("app1")
    found = fates(running, 8)
    assert [fate.status for fate in found if fate.server != "app2"] == [504] * 4
    assert running.servers()["app1"].up
    running.resume("app1")
    assert len(of("app1", fates(running))) == 20


def test_a_paused_balancer_answers_nothing_until_it_goes_on(running: RunningStack) -> None:
    crowd = population("few")
    running.pause("lb")
    assert send(running, crowd, crowd.browse(3), timeout=0.5).failures == {"timeout": 3}
    running.resume("lb")
    assert {fate.status for fate in fates(running)} == {200}


def test_a_paused_server_can_be_killed_and_started(running: RunningStack) -> None:
    running.pause("app1")
    running.kill("app1")
    assert not running.servers()["app1"].up
    running.bring_back()
    assert len(of("app1", fates(running))) == 20
