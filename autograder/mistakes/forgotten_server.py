"""A server that should be serving and is on no line."""

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
    """Declared servers that no line sends to; the finding points at the largest pool, where they are missing."""
    pools = [upstream for upstream in config.upstreams if upstream.used]
    if not pools or not capacity:
        return
    lines = [server for upstream in config.upstreams for server in upstream.servers]
    known = {name for s in lines for name in (s.address, s.key, s.host.lower())}
    known |= {name for p in config.passes for name in (p.host, p.host.partition(":")[0])}
    largest = max(pools, key=lambda upstream: len(upstream.servers))
    for name, strength in capacity.items():
        if strength > 0 and name not in known and name.lower() not in known:
            message = f"No line of this pool names {plain(name)}, which is declared to serve: it gets no request."
            yield finding(MISTAKE.slug, largest.name, (largest.word,), message, MISTAKE.mend)


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Declared servers that no line sends to; the finding points at the largest pool, where they are missing."""
    pools = [pool for pool in config.pools if pool.used]
    if not pools or not capacity:
        return
    lines = [server for pool in config.pools for server in pool.servers]
    known = {name for s in lines for name in (s.address, s.key, s.host.lower(), s.name)}
    largest = max(pools, key=lambda pool: len(pool.servers))
    for name, strength in capacity.items():
        if strength > 0 and name not in known and name.lower() not in known:
            message = f"No line of this pool names {plain(name)}, which is declared to serve: it gets no request."
            yield finding(MISTAKE.slug, largest.name, (largest.word,), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="forgotten-server",
    title="A server on no line",
    what="A machine that is declared to serve is in no pool: its line was deleted, or never written.",
    why="It is paid for and idle, and the others carry its part. Deleting the line of a server in trouble is quick; "
    "nobody remembers to put it back.",
    clients=CLIENTS,
    states=STATES,
    seen="The machine's own access log is empty; only a list of machines kept elsewhere shows that it is missing.",
    mend="Add the server to the pool, or declare that it is out of service.",
    instead=nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080;"),
    versions="all nginx versions; measured with 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server",
        "NX-23",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-server",
    ),
    decides="absence",
    directives=("upstream", "backend"),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "deleted",
            nginx("server app1:8080;\nserver app2:8080;"),
            guilty="shop",
            share={"many": {"app1": 0.5, "app2": 0.5, "app3": 0.0}},
            capacity={"app1": 1, "app2": 1, "app3": 1},
        ),
        Example(
            "commented-out",
            nginx("server app1:8080;\nserver app2:8080;\n# server app3:8080;"),
            guilty="shop",
            share={"office": {"app3": 0.0}},
            capacity={"app1:8080": 1, "app2:8080": 1, "app3:8080": 1},
        ),
        Example(
            "haproxy-deleted",
            haproxy(servers(CHECKED, CHECKED)),
            guilty="shop",
            share={"many": {"app1": 0.5, "app2": 0.5, "app3": 0.0}},
            proxy="haproxy",
            capacity={"app1": 1, "app2": 1, "app3": 1},
        ),
    ),
    look_alikes=(
        LookAlike(
            "all-there",
            nginx("server app1:8080;\nserver app2:8080;"),
            "every declared server has its line",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            capacity={"app1": 1, "app2": 1},
        ),
        LookAlike("not-declared", nginx("server app1:8080;"), "nobody said which machines there are"),
        LookAlike(
            "out-of-service",
            nginx("server app1:8080;\nserver app2:8080;"),
            "app3 is declared with no capacity",
            capacity={"app1": 1, "app2": 1, "app3": 0},
        ),
        LookAlike(
            "other-pool",
            nginx(
                "server app1:8080;\nserver app2:8080;",
                http="upstream search { server app3:8080; server app4:8080; }",
                server="location /search { proxy_pass http://search; }",
            ),
            "app3 and app4 serve the search",
            capacity={"app1": 1, "app2": 1, "app3": 1, "app4": 1},
        ),
        LookAlike(
            "haproxy-all-there",
            haproxy(servers(CHECKED, CHECKED)),
            "all that is declared is listed",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            proxy="haproxy",
            capacity={"app1": 1, "app2:8080": 1},
        ),
    ),
)
