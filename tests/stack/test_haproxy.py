"""What is special about HAProxy: production's settings stand, its Runtime API is asked, its processes are seen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from autograder.stack.engine import NodeDownError
from autograder.stack.model import Balancer, Server, Stack, Surroundings
from autograder.stack.procfs import wait_until
from autograder.stack.proxies.haproxy import HAProxy
from autograder.stack.proxies.proxy import ConfigFault
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from autograder.stack.running import RunningStack

PRODUCTION = """global
  daemon
  master-worker
  chroot /var/lib/haproxy
  user haproxy
  group haproxy
  pidfile /var/lib/haproxy/pid
  nbthread 2
  maxconn 900000
  stats socket /var/lib/haproxy/admin.sock mode 660 level admin expose-fd listeners
"""
DEFAULTS = """defaults
  mode http
  timeout client 60s
  timeout server 10s
  timeout connect 1s
"""


def config(globals_: str = "", servers: str = "", more: str = "") -> dict[str, bytes]:
    pool = servers or "".join(f"  server app{n} app{n}:8080\n" for n in (1, 2, 3))
    text = f"{globals_}{DEFAULTS}frontend web\n  bind :80\n  default_backend shop\nbackend shop\n{pool}{more}"
    return {"haproxy.cfg": text.encode()}


@pytest.fixture
def opened(engine: str) -> Iterator[Callable[..., RunningStack]]:
    stacks: list[RunningStack] = []

    def open_one(around: Surroundings | None = None) -> RunningStack:
        balancer = Balancer("lb", "haproxy", around=around or Surroundings())
        stacks.append(open_stack(Stack("h", (balancer,), tuple(Server(f"app{n}") for n in (1, 2, 3))), engine))
        return stacks[-1]

    yield open_one
    for stack in stacks:
        stack.close()


def counted(running: RunningStack, requests: int = 30) -> Mapping[str, int]:
    crowd = population("many")
    sample = send(running, crowd, crowd.browse(requests))
    assert sample.failures == {}
    return sample.counts()


def test_settings_of_production_stand_and_are_reloaded(opened: Callable[..., RunningStack]) -> None:
    running = opened(Surroundings(folders=("/var/lib/haproxy",), accounts=("haproxy",)))
    for number in range(3):
        applied = running.apply(config(PRODUCTION, more=f"# {number}\n"))
        assert applied.ok, applied.faults
        assert counted(running) == {"app1": 10, "app2": 10, "app3": 10}
    assert len(running.loaded().markers) == 1


def test_servers_are_drained_and_brought_back_over_the_runtime_api(opened: Callable[..., RunningStack]) -> None:
    running = opened()
    assert running.apply(config()).ok
    haproxy, machines = HAProxy(), running.machines
    assert haproxy.ask(machines, "lb", "set server shop/app2 state drain") == ""
    assert counted(running) == {"app1": 15, "app3": 15}
    assert haproxy.ask(machines, "lb", "set server shop/app9 state drain") == "No such server."
    assert haproxy.ask(machines, "lb", "set server shop/app2 state ready") == ""
    assert set(counted(running)) == {"app1", "app2", "app3"}
    for command in ("", "show info\nshow stat"):
        with pytest.raises(ValueError, match="one line"):
            haproxy.ask(machines, "lb", command)


def test_its_processes_and_servers_are_told(opened: Callable[..., RunningStack]) -> None:
    running = opened()
    haproxy, machines = HAProxy(), running.machines
    with pytest.raises(NodeDownError):
        haproxy.runtime(machines, "lb")
    assert running.apply(config(servers="  server app1 app1:8080 weight 7\n  server app2 app2:8080 disabled\n")).ok
    now = haproxy.runtime(machines, "lb")
    assert now.version.startswith("2.")
    assert [(worker.draining, worker.connections >= 0) for worker in now.workers] == [(False, True)]
    assert 0 <= now.workers[0].age_s < 600
    assert "0.0.0.0:80" in now.listening
    app1, app2 = now.servers
    assert (app1.pool, app1.name, app1.status, app1.weight) == ("shop", "app1", "no check", 7)
    assert app1.address == f"{machines.address('app1')}:8080"
    assert (app2.name, app2.status) == ("app2", "MAINT")


def test_a_kept_connection_to_a_server_is_counted(opened: Callable[..., RunningStack]) -> None:
    running = opened()
    assert running.apply(config(servers="  server app1 app1:8080\n", more="  http-reuse always\n")).ok
    assert counted(running) == {"app1": 30}
    place = f"{running.machines.address('app1')}:8080"
    assert HAProxy().runtime(running.machines, "lb").connections.get(place, 0) >= 1


def test_an_old_worker_with_a_request_in_work_is_draining(opened: Callable[..., RunningStack]) -> None:
    running = opened()
    assert running.apply(config()).ok
    old = HAProxy().runtime(running.machines, "lb").workers[0]
    # A client that is connected and says nothing holds the old worker.
    hold = "exec 3<>/dev/tcp/127.0.0.1/80; until [ -e /srv/go/now ]; do sleep 0.05; done"
    holding = ["/usr/bin/env", "bash", "-c", hold]
    holder = threading.Thread(target=running.machines.run, args=("lb", holding), kwargs={"timeout": 60.0})
    holder.start()
    assert wait_until(lambda: HAProxy().runtime(running.machines, "lb").workers[0].connections > old.connections, 10)
    assert running.apply(config(more="# next\n")).ok
    workers = HAProxy().runtime(running.machines, "lb").workers
    assert {worker.pid: worker.draining for worker in workers}[old.pid] is True
    assert running.loaded().draining == 1
    running.machines.put("lb", "/srv/go", {"now": b""})
    holder.join()


def test_relative_paths_start_at_the_config_folder(opened: Callable[..., RunningStack]) -> None:
    running = opened()
    files = config(more="  http-request set-header X-A %[path,map(maps/a.map)]\n")
    assert running.apply({**files, "maps/a.map": b"/ yes\n"}).ok
    assert not running.apply(files).ok


def test_the_line_of_what_cannot_be_bound_is_named(opened: Callable[..., RunningStack]) -> None:
    running = opened()
    good = config()
    assert running.apply(good).ok
    bad = config(more="frontend other\n  bind 203.0.113.9:80\n  default_backend shop\n")
    refused = running.apply(bad)
    assert not refused.ok
    line = next(n for n, text in enumerate(bad["haproxy.cfg"].splitlines(), 1) if b"203." in text)
    assert [(fault.file, fault.line) for fault in refused.faults] == [("haproxy.cfg", line)]
    assert "203.0.113.9:80" in refused.faults[0].message
    assert counted(running) == {"app1": 10, "app2": 10, "app3": 10}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "[ALERT]    (1) : config : parsing [/etc/haproxy/a.cfg:16] : unknown keyword 'x' in 'backend' section",
            [ConfigFault("unknown keyword 'x' in 'backend' section", "a.cfg", 16)],
        ),
        (
            "[ALERT]    (1) : config : [/etc/haproxy/a.cfg:16] : 'server b/a' : could not resolve address 'nobody'.",
            [ConfigFault("'server b/a' : could not resolve address 'nobody'.", "a.cfg", 16)],
        ),
        (
            "[ALERT]    (1) : Binding [/etc/haproxy/a.cfg:5] for frontend GLOBAL: cannot bind UNIX socket\n"
            "[ALERT]    (1) : [haproxy.main()] Some protocols failed to start their listeners! Exiting.",
            [ConfigFault("Binding for frontend GLOBAL: cannot bind UNIX socket", "a.cfg", 5)],
        ),
        ("[ALERT]  (1) : config : Proxy 'f': unable to find required default_backend: 'b'.",
         [ConfigFault("Proxy 'f': unable to find required default_backend: 'b'.", "", 0)]),
        ("[WARNING] (1) : config : missing timeouts for frontend 'f'.", []),
        (
            "[ALERT] (1) : config : parsing [/etc/haproxy/a.cfg:2]: expects 'a', 'b', 'c', 'd', 'e', 'f', 'g', got 'x'",
            [ConfigFault("expects 'a', …, 'g', got 'x'", "a.cfg", 2)],
        ),
    ],
)  # fmt: skip
def test_what_it_says_becomes_faults(said: str, expected: list[ConfigFault]) -> None:
    assert list(HAProxy().faults(said, "/etc/haproxy")) == expected
