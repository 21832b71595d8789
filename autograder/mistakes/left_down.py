"""A server that is still marked ``down`` after its maintenance is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.capacity import declared
from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding, nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Lines marked ``down`` in a pool that takes traffic, unless the server is declared out of service."""
    for upstream in config.upstreams:
        for server in upstream.servers if upstream.used else ():
            if server.down and (capacity is None or declared(server, capacity)):
                message = f"This line keeps every request away from {upstream.label(server)}."
                yield finding(MISTAKE.slug, upstream.name, (server.down,), message, MISTAKE.mend)


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Servers that are ``disabled`` or have ``weight 0``, unless declared out of service or chosen by a rule."""
    for pool in config.pools:
        chosen = {line.values[0] for line in pool.own("use-server")}
        for server in pool.servers if pool.used else ():
            if server.idle and server.name not in chosen and (capacity is None or declared(server, capacity)):
                message = f"These words keep every new request away from {pool.label(server)}."
                yield finding(MISTAKE.slug, pool.name, server.idle.words, message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="left-down",
    title="A server left down",
    what="A server is marked `down` (HAProxy: `disabled`, `weight 0`), often for a maintenance that ended long ago.",
    why="The balancer never sends it anything. The others carry its load, and every check of the machine itself says "
    "that it "
    "is fine, so nobody looks.",
    clients=CLIENTS,
    states=STATES,
    seen="One healthy machine has no requests at all in its own access log.",
    mend="Remove the word once the maintenance is over; while it lasts, write down until when.",
    instead=nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080;"),
    versions="all nginx versions; measured with 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server",
        "NX-15",
        "https://docs.haproxy.org/2.8/configuration.html#5.2-disabled",
        "HA-09",
    ),
    decides="absence",
    directives=("server down", "server disabled", "server weight"),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "one-left",
            nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080 down; # new disk, back on Friday"),
            guilty="down",
            share={"many": {"app1": 0.5, "app2": 0.5, "app3": 0.0}},
        ),
        Example(
            "all-but-one",
            nginx("server app1:8080;\nserver app2:8080 down;\nserver app3:8080 down;"),
            guilty="down",
            share={"many": {"app1": 1.0}, "office": {"app1": 1.0}},
        ),
        Example(
            "haproxy-disabled",
            haproxy(servers(CHECKED, CHECKED, f"{CHECKED} disabled # new disk, back on Friday")),
            guilty="disabled",
            share={"many": {"app1": 0.5, "app2": 0.5, "app3": 0.0}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-weight",
            haproxy(servers(CHECKED, f"{CHECKED} weight 0", f"{CHECKED} weight 0")),
            guilty="weight 0",
            share={"many": {"app1": 1.0}, "office": {"app1": 1.0}},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "declared",
            nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080 down;"),
            "app3 is not among the servers that are declared to serve",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            capacity={"app1": 1, "app2": 1},
        ),
        LookAlike(
            "comment",
            nginx("server app1:8080; # was down last week\nserver app2:8080;\n# server app3:8080 down;"),
            "comments balance nothing",
        ),
        LookAlike(
            "idle-colour",
            nginx(
                "server app1:8080;\nserver app2:8080;",
                http="upstream green { server app3:8080 down; server app4:8080; }",
            ),
            "no line passes requests to the idle colour",
        ),
        LookAlike(
            "haproxy-declared",
            haproxy(servers(CHECKED, CHECKED, f"{CHECKED} disabled")),
            "app3 is not among the servers that are declared to serve",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            proxy="haproxy",
            capacity={"app1": 1, "app2": 1},
        ),
        LookAlike(
            "haproxy-by-header",
            haproxy(
                "use-server web3 if { req.hdr(x-preview) -m found }\n"
                + servers(CHECKED, CHECKED, f"{CHECKED} weight 0")
            ),
            "those who ask for the preview get it",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-enabled",
            haproxy(f"default-server {CHECKED} disabled\n" + servers("enabled", "enabled")),
            "each line takes it back",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            proxy="haproxy",
        ),
    ),
)
