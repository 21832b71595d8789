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
from autograder.stack.model import CLIENTS, Balancer, Server, Stack, Surroundings
from autograder.stack.namespace import mount_points
from autograder.stack.procfs import family, wait_until
from autograder.stack.running import engine_named, open_stack
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


def test_a_check_that_does_not_end_is_told_as_what_it_is(
    opened: Opened, engine: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = opened(proxy, engine)
    monkeypatch.setattr("autograder.stack.balancing._CHECK_S", 0.5)
    waits = running.balancer().proxy
    monkeypatch.setattr(type(waits), "check_command", lambda *_: ["/bin/sleep", "60"])
    (fault,) = running.check(config(proxy))
    assert fault.message.startswith("it was not read to its end in ")
    monkeypatch.undo()
    assert running.apply(config(proxy)).ok


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


AROUND = b"""user deploy;
events {}
http {
  upstream shop {
    server 10.20.1.11:8080;
    server 10.20.1.11:8081;
    server [fd00:20:1::5]:9000;
    server unix:/home/deploy/shop/app.sock;
  }
  access_log /data/logs/shop.log;
  server {
    listen 80;
    listen 10.0.0.1:8000;
    listen [fd00:20::1]:80;
    location / { proxy_pass http://shop; }
  }
  server {
    listen 81;
    location / { proxy_pass http://legacy.example:8080; }
  }
  server {
    listen 82;
    resolver 10.0.0.53;
    location / { set $name new.example; proxy_pass http://$name:8081; }
  }
}
"""


def test_a_config_finds_what_it_expects_around_it(engine: str) -> None:
    servers = (
        Server("a", address="10.20.1.11", port=8080),
        Server("b", address="10.20.1.11", port=8081),
        Server("c", address="fd00:20:1::5", port=9000),
        Server("d", address="unix:/home/deploy/shop/app.sock"),
    )
    around = Surroundings(
        addresses=("10.0.0.1", "fd00:20::1"),
        names=(("legacy.example", "10.20.1.11"), ("new.example", "10.20.1.11")),
        folders=("/data/logs",),
        accounts=("deploy",),
        resolvers=("10.0.0.53:53",),
    )
    doors = (80, 81, 82)
    counted = {}
    for port in doors:
        stack = Stack("around", (Balancer("lb", "nginx", port=port, around=around),), servers)
        with open_stack(stack, engine) as running:
            applied = running.apply({"nginx.conf": AROUND})
            assert applied.ok, applied.faults
            assert [running.machines.address(server.name) for server in servers] == [s.address for s in servers]
            counted[port] = answered(running, 40)
            written = running.machines.run("lb", ["/bin/sh", "-c", "wc -l < /data/logs/shop.log; id -gn deploy"])
            assert written.out.split()[0] == "40", written
    assert counted[80] == {"a": 10, "b": 10, "c": 10, "d": 10}
    assert counted[81] == {"a": 40}
    assert counted[82] == {"b": 40}


def test_a_folder_of_the_system_is_not_covered(engine: str) -> None:
    around = Surroundings(folders=("/usr/lib/nginx/modules",))
    stack = Stack("around", (Balancer("lb", "nginx", around=around),), (Server("a"),))
    with pytest.raises(EngineError, match="/usr/lib/nginx/modules"):
        open_stack(stack, engine)


def test_two_servers_at_one_place_are_refused_by_name(engine: str) -> None:
    servers = (Server("one", address="10.1.1.1", port=80), Server("two", address="10.1.1.1", port=80))
    with pytest.raises(EngineError, match="one and two"):
        open_stack(Stack("twice", (Balancer("lb", "nginx"),), servers), engine)


def test_more_servers_than_fit_are_refused(engine: str) -> None:
    servers = tuple(Server(f"app{n}") for n in range(251))
    with pytest.raises(EngineError, match="251 servers"):
        open_stack(Stack("crowd", (Balancer("lb", "nginx"),), servers), engine)


@pytest.mark.parametrize(
    ("folders", "points"),
    [
        (("/var/log/x", "/etc/ssl/private", "/run/php", "/srv/www", "/var"), ()),
        (("/home/deploy/logs", "/home/x", "/data"), ("/data", "/home")),
        (("/opt/app/log", "/usr/local/nginx/logs", "/tmp/cache", "/dev/shm/x"), None),
        (("/var/../home/x",), ("/home",)),
    ],
)
def test_only_what_is_not_a_balancers_own_is_mounted(folders: tuple[str, ...], points: tuple[str, ...] | None) -> None:
    assert mount_points(folders) == (points if points is not None else ("/dev/shm", "/opt/app", "/tmp", "/usr/local"))


@pytest.mark.parametrize(
    "folder",
    [
        "/",
        "relative",
        "/usr",
        "/usr/lib/x",
        "/bin/x",
        "/lib64",
        "/proc/1",
        "/sys/x",
        "/dev",
        "/opt",
        "/opt/manyhands/x",
    ],
)
def test_what_would_cover_the_system_is_refused(folder: str) -> None:
    with pytest.raises(EngineError, match=folder):
        mount_points([folder])


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
