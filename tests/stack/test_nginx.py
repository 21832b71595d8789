"""nginx itself: configs run unedited, reloads that fail are heard of, and its processes tell what they do."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.proxies.nginx import Nginx
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.stack.conftest import ENGINES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.stack.running import RunningStack

NGINXES_OWN_TRIES = 2.5
"""Seconds that nginx itself tries to bind before it gives up a reload."""


def web(top: str = "", listens: str = "listen 80;", more: str = "") -> dict[str, bytes]:
    text = f"""{top}
events {{}}
http {{
  upstream shop {{ zone shop 64k; server app1:8080; server app2:8080; keepalive 8; }}
  server {{ {listens} location / {{ proxy_pass http://shop; }} }}
}}
# {more}
"""
    return {"nginx.conf": text.encode()}


@pytest.fixture(params=ENGINES)
def running(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    servers = (Server("app1"), Server("app2"))
    with open_stack(Stack("nginx", (Balancer("lb", "nginx"),), servers), request.param) as stack:
        yield stack


def answered(running: RunningStack, who: str = "many") -> dict[str, int]:
    crowd = population(who)
    sample = send(running, crowd, crowd.browse(20))
    assert sample.failures == {}
    return sample.counts()


@pytest.mark.parametrize("running", ["local"], indirect=True)
@pytest.mark.parametrize(
    "top",
    [
        "daemon on;",
        "daemon off;",
        "daemon on; pid /run/x.pid; user nobody nogroup; worker_rlimit_nofile 1024; worker_processes 2;",
        "error_log off;",
        "error_log stderr debug; error_log /var/log/nginx/own.log crit;",
        "error_log syslog:server=127.0.0.1 warn;",
        "error_log memory:32m debug;",
    ],
)
def test_a_config_keeps_its_own_settings_of_the_process(running: RunningStack, top: str) -> None:
    first, second = running.apply(web(top)), running.apply(web(top, more="again"))
    assert (first.faults, second.faults) == ((), ())
    assert len(running.loaded().markers) == 1
    assert answered(running) == {"app1": 10, "app2": 10}


def test_a_single_process_is_seen_to_be_loaded(running: RunningStack) -> None:
    assert running.apply(web("master_process off;")).ok
    assert len(running.loaded().markers) == 1
    assert answered(running) == {"app1": 10, "app2": 10}
    (worker,) = Nginx().runtime(running.machines, "lb").workers
    assert (worker.pid, worker.draining) == (running.machines.state("lb").pid, False)


def test_a_reload_that_cannot_bind_is_heard_of_when_nginx_gives_up(running: RunningStack) -> None:
    assert running.apply(web()).ok
    before = running.loaded()
    # The shop's own port, on the balancer's side taken by another nginx that is started beside.
    other = b"daemon off; master_process off; pid /run/other.pid; events {} stream { server { listen 81; return x; } }"
    running.machines.put("lb", "/run/other", {"nginx.conf": other})
    start = "/opt/manyhands/nginx/nginx -p /run/other/ -c /run/other/nginx.conf -e stderr & sleep 30"
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(running.machines.run, "lb", ["/bin/sh", "-c", start], 6.0)
        door = "until grep -q ':0051 ' /proc/net/tcp; do :; done"
        assert running.machines.run("lb", ["/bin/sh", "-c", door], 5.0).exit_code == 0
        began = time.monotonic()
        refused = running.apply(web(listens="listen 80; listen 81;"))
        took = time.monotonic() - began
        beside.result()
    assert [fault.message.partition(" failed")[0] for fault in refused.faults] == [
        "bind() to 0.0.0.0:81",
        "still could not bind()",
    ]
    # Far below the time limit for a reload that nobody hears of, on a busy machine too.
    assert took < 2 * NGINXES_OWN_TRIES + 2
    assert running.loaded().markers == before.markers
    assert running.apply(web(more="the next one is not blamed")).ok
    assert answered(running) == {"app1": 10, "app2": 10}


def test_absolute_includes_are_checked_as_they_will_be_loaded(running: RunningStack) -> None:
    files = {"nginx.conf": b"include /etc/nginx/parts/*.conf;\nevents {}\n", "parts/a.conf": b"worker_processes 1;\n"}
    assert running.apply(files).ok
    broken = {**files, "parts/a.conf": b"worker_processes 1;\nworker_process 2;\n"}
    (fault,) = running.check(broken)
    assert str(fault) == 'parts/a.conf:2: unknown directive "worker_process"'
    # A check leaves on disk what runs.
    shown = running.machines.run("lb", ["/bin/cat", "/etc/nginx/parts/a.conf"])
    assert shown.out == "worker_processes 1;\n"
    assert not running.apply(broken).ok
    assert running.machines.run("lb", ["/bin/cat", "/etc/nginx/parts/a.conf"]).out == "worker_processes 1;\n"


def test_its_processes_tell_what_they_do(running: RunningStack) -> None:
    assert running.apply(web("worker_processes 2;", listens="listen 80; listen unix:/run/own.sock;")).ok
    answered(running, "kept-alive")
    now = Nginx().runtime(running.machines, "lb")
    assert now.version.count(".") == 2
    assert [worker.draining for worker in now.workers] == [False, False]
    assert all(0 <= worker.age_s < 60 for worker in now.workers)
    assert now.listening == ("0.0.0.0:80", "unix:/run/own.sock")
    servers = {f"{running.machines.address(name)}:8080" for name in ("app1", "app2")}
    assert set(now.connections) == servers
    assert sum(now.connections.values()) <= sum(worker.connections for worker in now.workers)
    assert now.servers == ()
