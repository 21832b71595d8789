"""A pool whose lines all name one address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Pools of several lines with one address; the finding points at the first line that repeats it."""
    del capacity  # One machine is one machine.
    for upstream in config.upstreams:
        if upstream.used and len(upstream.servers) > 1 and len({server.key for server in upstream.servers}) == 1:
            server = upstream.servers[1]
            message = (
                f"All {len(upstream.servers)} lines of this pool name {upstream.label(server)}, "
                "so it gets every request."
            )
            yield finding(MISTAKE.slug, upstream.name, (server.word,), message, MISTAKE.mend)


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Pools of several lines with one address that no ``resolvers`` tell apart; points at the first that repeats it."""
    del capacity  # One machine is one machine.
    for pool in config.pools:
        lines = [server for server in pool.servers if "resolvers" not in server.settings]
        if pool.used and len(lines) > 1 and len({server.key for server in pool.servers}) == 1:
            message = (
                f"All {len(pool.servers)} lines of this pool name {plain(lines[1].address)}, so it gets every request."
            )
            yield finding(MISTAKE.slug, pool.name, (lines[1].word,), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="same-address",
    title="Many lines, one address",
    what="Every `server` line of the pool names the same machine: a line was copied and its address never changed.",
    why="It looks like a pool in the config and in the balancer's statistics, and is one machine. When it dies, the "
    "same dead machine is tried again and again.",
    clients=CLIENTS,
    states=STATES,
    seen="`$upstream_addr` has one value; count at the servers, the balancer counts lines.",
    mend="Write the address of another machine on each line.",
    instead=nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080;"),
    versions="all nginx versions; measured with 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server",
        "NX-17",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-server",
        "HA-29",
    ),
    decides="pool",
    directives=("server",),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "copied",
            nginx("server app1:8080;\nserver app1:8080;\nserver app1:8080;"),
            guilty="app1:8080",
            share={"many": {"app1": 1.0}, "kept-alive": {"app1": 1.0}},
        ),
        Example(
            "dead",
            nginx("server app2:8080 max_fails=0;\nserver app2:8080 max_fails=0;"),
            guilty="app2:8080",
            share={"many": {"app2": 0.0}},
            state="one-down",
            failed=1.0,
        ),
        Example(
            "haproxy-copied",
            haproxy("".join(f"server web{n} app1:8080 {CHECKED}\n" for n in (1, 2, 3))),
            guilty="app1:8080",
            share={"many": {"app1": 1.0}, "kept-alive": {"app1": 1.0}},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "distinct",
            nginx("server app1:8080;\nserver app2:8080;"),
            "two machines",
            share={"many": {"app1": 0.5, "app2": 0.5}},
        ),
        LookAlike("ports", nginx("server app1:8080;\nserver app1:8081;"), "two programs on one machine"),
        LookAlike("comment", nginx("server app1:8080;\nserver app2:8080;\n# server app1:8080;"), "a comment"),
        LookAlike(
            "idle",
            nginx(
                "server app1:8080;\nserver app2:8080;", http="upstream green { server app3:8080; server app3:8080; }"
            ),
            "no line passes requests to this pool",
        ),
        LookAlike(
            "haproxy-distinct",
            haproxy(servers(CHECKED, CHECKED)),
            "two machines",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-ports",
            haproxy(f"server a app1:8080 {CHECKED}\nserver b app1:8081 {CHECKED}"),
            "two programs on one machine",
            proxy="haproxy",
        ),
    ),
)
