"""A server line whose port is not that of all the others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain, split_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """One line without a port, or with the digits of the port in another order, where all others agree."""
    del capacity  # Nobody listens there, whatever the machine.
    for upstream in config.upstreams:
        if not upstream.used or len(upstream.serving) < 3 or any(s.host.startswith("unix:") for s in upstream.servers):
            continue
        ports = [split_port(server.address)[1] for server in upstream.serving]
        (usual, times), *_ = Counter(ports).most_common(1)
        if times != len(ports) - 1 or usual in ("", "80"):
            continue
        for server, port in zip(upstream.serving, ports, strict=True):
            if port == usual or (port and sorted(port) != sorted(usual)):
                continue
            hosts = [other.host for other in upstream.serving if other is not server]
            if server.host not in hosts and len(set(hosts)) == len(hosts):
                message = (
                    f"This line asks {upstream.label(server)} at port {plain(port or '80')}, while all others of the "
                    f"pool are asked at {plain(usual)}: if nobody answers there, it gets nothing."
                )
                yield finding(MISTAKE.slug, upstream.name, (server.word,), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="port-typo",
    title="The wrong port on one line",
    what="One `server` line has no port, which means 80, or its digits are in the wrong order; all others agree on "
    "another.",
    why="nginx tries it, is refused, and goes on with the next: nobody sees an error. The machine is well and idle, "
    "and the others carry its part; a few requests take longer, again and again.",
    clients=CLIENTS,
    states=STATES,
    seen="`$upstream_addr` has two addresses in some lines, and the error log says `Connection refused`.",
    mend="Write the port on which this server listens.",
    instead=nginx(THREE),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server",),
    decides="absence",
    directives=("server",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "no-port",
            nginx("server app1:8080;\nserver app2;\nserver app3:8080;"),
            guilty="app2",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
        ),
        Example(
            "digits",
            nginx("server app1:8080;\nserver app2:8080;\nserver app3:8008 max_fails=3;"),
            guilty="app3:8008",
            share={"office": {"app1": 0.5, "app2": 0.5, "app3": 0.0}},
        ),
    ),
    look_alikes=(
        LookAlike("no-ports", nginx("server app1;\nserver app2;\nserver app3;"), "all are asked at port 80"),
        LookAlike(
            "one-machine",
            nginx("server app1:8080;\nserver app1:8008;\nserver app1:8800;"),
            "three programs on one machine",
        ),
        LookAlike("other-port", nginx("server app1:8080;\nserver app2:8080;\nserver app3:9000;"), "it may be meant"),
        LookAlike("same", nginx(THREE), "all agree", share={"many": EVEN}),
    ),
)
