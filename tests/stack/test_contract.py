"""What every engine must do, with every balancer. Nothing here asks which engine it has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from autograder.stack.balancing import config_digest
from autograder.stack.engine import EngineError, NodeDownError
from autograder.stack.model import CLIENTS
from autograder.stack.procfs import family, wait_until
from autograder.stack.running import engine_named
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.stack.conftest import config

if TYPE_CHECKING:
    from autograder.stack.running import RunningStack

Opened = "Callable[..., RunningStack]"


def answered(running: RunningStack, requests: int = 60) -> dict[str, int]:
    crowd = population("many")
    sample = send(running, crowd, crowd.browse(requests))
    assert sample.failures == {}
    return sample.counts()


def test_requests_are_counted_at_the_servers(opened: Opened, engine: str, proxy: str) -> None:
    running = opened(proxy, engine)
    assert running.apply(config(proxy)).ok
    assert answered(running) == {"app1": 20, "app2": 20, "app3": 20}


def test_the_config_that_runs_is_read_from_the_running_workers(opened: Opened, engine: str, proxy: str) -> None:
    running = opened(proxy, engine)
    first, second = config(proxy, more="first"), config(proxy, "app2", more="second")
    assert running.apply(first).ok
    assert [word.partition("-")[2] for word in running.loaded().markers] == [config_digest(first)]
    assert running.apply(second).ok
    assert [word.partition("-")[2] for word in running.loaded().markers] == [config_digest(second)]
    # No request after the apply meets the old config: the reload was waited for.
    assert answered(running, 30) == {"app2": 30}
    assert running.roll_back().ok
    assert answered(running, 30) == {"app1": 10, "app2": 10, "app3": 10}


def test_a_broken_config_is_refused_with_its_line_and_the_old_one_runs_on(
    opened: Opened, engine: str, proxy: str
) -> None:
    running = opened(proxy, engine)
    good = config(proxy)
    name, content = next(iter(good.items()))
    broken = {name: content.replace(b"listen 80", b"lisen 80").replace(b"bind :80", b"bid :80")}
    assert running.apply(good).ok
    before = running.loaded()
    refused = running.apply(broken)
    assert not refused.ok
    line = next(n for n, text in enumerate(broken[name].splitlines(), 1) if b"lisen" in text or b"bid " in text)
    assert (refused.faults[0].file, refused.faults[0].line) == (name, line)
    assert running.loaded() == before
    assert answered(running, 30) == {"app1": 10, "app2": 10, "app3": 10}


def test_a_first_config_may_be_broken_and_then_mended(opened: Opened, engine: str, proxy: str) -> None:
    running = opened(proxy, engine)
    name = next(iter(config(proxy)))
    assert not running.apply({name: b"nonsense {"}).ok
    assert running.loaded().up is False
    assert running.apply(config(proxy)).ok


def test_a_missing_config_is_said(opened: Opened, engine: str) -> None:
    running = opened("nginx", engine)
    assert "nginx.conf" in running.apply({"other.conf": b""}).faults[0].message


def test_a_killed_server_is_down_until_it_is_started_again(opened: Opened, engine: str) -> None:
    running = opened("nginx", engine)
    assert running.apply(config("nginx")).ok
    running.kill("app2")
    state = running.servers()["app2"]
    assert (state.up, state.exit_code, state.starts) == (False, 137, 1)
    assert set(answered(running)) == {"app1", "app3"}
    running.restart("app2")
    assert running.servers()["app2"].starts == 2
    assert running.apply(config("nginx")).ok
    assert answered(running) == {"app1": 20, "app2": 20, "app3": 20}


def test_a_folder_holds_exactly_what_was_put(opened: Opened, engine: str) -> None:
    machines = opened("nginx", engine).machines
    machines.put("lb", "/etc/nginx", {"a.conf": b"1", "deep/er/b.conf": b"2"})
    machines.put("lb", "/etc/nginx", {"c.conf": b"3"})
    listing = machines.run("lb", ["/usr/bin/find", "/etc/nginx", "-type", "f"]).out.split()
    assert listing == ["/etc/nginx/c.conf"]
    with pytest.raises(EngineError):
        machines.put("lb", "/etc/nginx", {"../../etc/passwd": b"root::0:0::/:/bin/sh"})


def test_a_program_is_ended_at_its_time_limit(opened: Opened, engine: str) -> None:
    machines = opened("nginx", engine).machines
    assert machines.run("lb", ["/bin/sleep", "60"], timeout=0.5).exit_code == 124
    assert machines.run("lb", ["/bin/sh", "-c", "echo out; echo err >&2; exit 3"]).exit_code == 3


def test_a_call_says_what_went_wrong(opened: Opened, engine: str) -> None:
    machines = opened("nginx", engine).machines
    with pytest.raises(EngineError, match="KeyError") as caught:
        machines.call(CLIENTS, "autograder.stack.procfs:descendants", {})
    assert "pid" in str(caught.value)
    with pytest.raises(NodeDownError):
        machines.call("lb", "autograder.stack.procfs:descendants", {"pid": 1})


def test_a_balancer_cannot_reach_the_journals(opened: Opened, engine: str) -> None:
    running = opened("nginx", engine)
    assert running.apply(config("nginx")).ok
    answered(running, 3)
    ran = running.machines.run("lb", ["/bin/sh", "-c", "ls /run/manyhands/journal; ls /nodes; ls /work /home /root"])
    assert ran.out.strip() == ""


def test_closing_twice_is_fine_and_using_a_closed_stack_is_said(opened: Opened, engine: str) -> None:
    running = opened("nginx", engine)
    running.close()
    running.close()
    with pytest.raises(EngineError, match="stopped"):
        running.servers()


def test_two_stacks_side_by_side_do_not_meet(opened: Opened, engine: str) -> None:
    one, two = opened("nginx", engine), opened("nginx", engine)
    assert one.apply(config("nginx", "app1")).ok
    assert two.apply(config("nginx", "app2")).ok
    assert answered(one) == {"app1": 60}
    assert answered(two) == {"app2": 60}


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(EngineError, match="podman"):
        engine_named("podman")


def test_local_stacks_leave_no_process_behind_when_closed(opened: Opened) -> None:
    others = {process.pid for process in family(os.getpid())}
    running = opened("nginx", "local")
    assert running.apply(config("nginx")).ok
    mine = {process.pid for process in family(os.getpid())} - others
    assert len(mine) > 4  # sandbox, keeper, three servers, nginx
    running.close()
    assert wait_until(lambda: not {p.pid for p in family(os.getpid())} & mine, 10)


def test_local_stacks_die_with_a_killed_owner() -> None:
    code = """
import sys, time
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import open_stack
from tests.stack.conftest import config
running = open_stack(Stack("orphan", (Balancer("lb", "nginx"),), (Server("app1"),)))
assert running.apply(config("nginx", "app1")).ok
print("ready", flush=True)
sys.stdin.read()
"""
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert owner.stdin is not None
    assert owner.stdout is not None
    assert owner.stdout.readline() == "ready\n"
    stack = [process for process in family(owner.pid) if process.pid != owner.pid]
    assert any("nginx: worker" in process.title for process in stack)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdin.close()
    owner.stdout.close()

    def gone() -> bool:
        # Compared with their titles: a pid may have been given to somebody else meanwhile.
        return not any(now.title == then.title for then in stack for now in family(then.pid)[:1])

    assert wait_until(gone, 10)
