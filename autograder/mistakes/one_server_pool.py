"""A pool with a single server: nothing is balanced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


_THIS_MACHINE = ("unix:", "127.", "localhost", "[::1]")
"""A program beside the balancer, not a machine of a pool."""


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Pools of one server line that clients' requests are passed to."""
    del capacity  # A pool of one is one, whatever the machine.
    for upstream in config.upstreams:
        for_clients = [p for p in config.passes if p.host == upstream.name.lower() and not p.for_operations]
        if len(upstream.servers) != 1 or not for_clients:
            continue
        server = upstream.servers[0]
        # A name that is looked up again and again may stand for many.
        if not server.resolve and not server.host.startswith(_THIS_MACHINE):
            message = (
                f"This is the only server of the pool {plain(upstream.name)}, "
                f"so {upstream.label(server)} gets every request that is passed to it."
            )
            yield finding(MISTAKE.slug, upstream.name, (server.word,), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="one-server-pool",
    title="A pool of one",
    what="The pool that takes the traffic has one server: the others were deleted, commented out, or never added.",
    why="One machine carries everything, and nothing takes over when it dies. With a single server nginx also ignores "
    "`max_fails` and `fail_timeout`: it has nowhere else to go.",
    clients=CLIENTS,
    states=STATES,
    seen="`$upstream_addr` has one value in the whole access log.",
    mend="List every server that should carry load.",
    instead=nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080;"),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_upstream_module.html#upstream", "NX-23"),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "commented-out",
            nginx("server app1:8080;\n# server app2:8080;\n# server app3:8080;"),
            guilty="app1:8080",
            share={"many": {"app1": 1.0}, "office": {"app1": 1.0}},
        ),
        Example(
            "second-pool",
            nginx(
                "server app1:8080;\nserver app2:8080;\nserver app3:8080;",
                "proxy_pass http://canary;",
                http="upstream canary { server app4:8080; }",
            ),
            guilty="app4:8080",
            share={"many": {"app4": 1.0, "app1": 0.0, "app2": 0.0, "app3": 0.0}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "health",
            nginx(
                "server app1:8080;\nserver app2:8080;",
                http="upstream agent { server app3:8080; }",
                server="location = /health { proxy_pass http://agent; }",
            ),
            "only the health page comes from there",
            share={"many": {"app1": 0.5, "app2": 0.5}},
        ),
        LookAlike(
            "unused",
            nginx("server app1:8080;\nserver app2:8080;", http="upstream green { server app3:8080; }"),
            "nothing is passed to it",
        ),
        LookAlike(
            "socket",
            nginx("server unix:/run/app.sock;"),
            "a socket is a program on the same machine, not a machine",
        ),
        LookAlike(
            "loopback",
            nginx("server 127.0.0.1:3000;\nkeepalive 16;"),
            "a program on the same machine, given a name so that its connections are kept",
        ),
        LookAlike(
            "looked-up",
            nginx("zone shop 64k;\nserver shop.internal:8080 resolve;", http="resolver 127.0.0.1;"),
            "the name may stand for many addresses, looked up again and again",
        ),
    ),
)
