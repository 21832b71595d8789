"""The outage of 1 March 2023, at a scale of seconds: one setting, one server, a crash, a restart, a rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.stack.model import Server
from autograder.stack.shop import KILLED
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.stack.conftest import config

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.running import RunningStack
    from autograder.traffic.sample import Sample

RATE = 240
"""Checkouts a second: 80 for each of three servers, which can do 100; far too much for one."""


def shoppers(running: RunningStack) -> Sample:
    crowd = population("many")
    return send(running, crowd, crowd.check_out(RATE), rate=RATE)


def test_restarting_does_not_help_and_rolling_back_does(
    opened: Callable[..., RunningStack], engine: str, proxy: str
) -> None:
    servers = tuple(Server(f"app{n}", workers=4, service_ms=40, queue=40) for n in (1, 2, 3))
    running = opened(proxy, engine, servers)

    assert running.apply(config(proxy, more="the config of February")).ok
    before = shoppers(running)
    assert before.failures == {}
    assert max(before.shares().values()) < 0.4

    # 10:00 somebody changes the balancer: every request goes to one server, which dies of it.
    assert running.apply(config(proxy, "app1", more="the change")).ok
    during = shoppers(running)
    assert set(during.counts()) <= {"app1"}
    assert during.failed > RATE / 2
    assert running.servers()["app1"].exit_code == KILLED
    assert "out of memory" in running.machines.logs("app1")

    # 10:30 the server is restarted. The cause is still there, so it dies again.
    running.restart("app1")
    assert running.servers()["app1"].up
    again = shoppers(running)
    assert again.failed > RATE / 2
    assert not running.servers()["app1"].up

    # 11:30 the setting is found and rolled back, and the server started.
    running.bring_back()
    assert running.roll_back().ok
    after = shoppers(running)
    assert after.failures == {}
    assert max(after.shares().values()) < 0.4
    assert all(state.up for state in running.servers().values())
