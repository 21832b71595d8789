"""A pool with a single server: nothing is balanced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.haproxy_example import THREE as CHECKED_THREE
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
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


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Web pools of one server that a ``default_backend`` or a ``listen`` sends everybody to."""
    del capacity  # A pool of one is one, whatever the machine.
    for pool in config.web_pools:
        main = any(route.condition is None and route.line.name != "use_backend" for route in pool.routes)
        if not main or len(pool.servers) != 1:
            continue
        server = pool.servers[0]
        # A program on this machine is no pool; a template with resolvers may stand for many.
        if not server.local and server.copies < 2:
            message = (
                f"This is the only server of the pool {plain(pool.name)}, so {pool.label(server)} gets every request "
                "that is passed to it."
            )
            yield finding(MISTAKE.slug, pool.name, (server.word,), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="one-server-pool",
    title="A pool of one",
    what="The pool that takes the traffic has one server: the others were deleted, commented out, or never added.",
    why="One machine carries everything, and nothing takes over when it dies. With a single server, nginx also ignores "
    "`max_fails` and `fail_timeout`: it has nowhere else to go.",
    clients=CLIENTS,
    states=STATES,
    seen="`$upstream_addr` has one value in the whole access log.",
    mend="List every server that should carry load.",
    instead=nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080;"),
    versions="all nginx versions; measured with 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#upstream",
        "NX-23",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-server",
        "HA-30",
    ),
    decides="pool",
    directives=("server",),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
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
        Example(
            "haproxy-commented-out",
            haproxy(f"server web1 app1:8080 {CHECKED}\n# server web2 app2:8080 check\n# server web3 app3:8080 check"),
            guilty="app1:8080",
            share={"many": {"app1": 1.0}, "office": {"app1": 1.0}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-name-of-many",
            haproxy(
                f"server web app4:8080 {CHECKED} resolvers here init-addr libc,none",
                extra="resolvers here\n    nameserver local 127.0.0.1:53\n    hold timeout 1h\n",
            ),
            guilty="app4:8080",
            share={"many": {"app4": 1.0}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-canary-by-default",
            haproxy(
                CHECKED_THREE,
                "use_backend shop if { path_beg /old/ }\ndefault_backend canary",
                extra=f"backend canary\n    server web4 app4:8080 {CHECKED}\n",
            ),
            guilty="app4:8080",
            share={"many": {"app4": 1.0, "app1": 0.0}},
            proxy="haproxy",
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
        LookAlike(
            "haproxy-statistics",
            haproxy(
                servers(CHECKED, CHECKED),
                "use_backend exporter if { path /metrics }\ndefault_backend shop",
                extra="backend exporter\n    server one app3:8080\n",
            ),
            "only the metrics page comes from there",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-local",
            haproxy("server app 127.0.0.1:8080 check"),
            "a program on the same machine, not a machine",
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-unused",
            haproxy(servers(CHECKED, CHECKED), extra="backend green\n    server web3 app3:8080\n"),
            "nothing is sent to it",
            proxy="haproxy",
        ),
    ),
)
