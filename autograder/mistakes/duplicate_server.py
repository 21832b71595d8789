"""A server that is listed twice among others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.capacity import fair_weights, times_fair, weights
from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig

ABOUT_FAIR = 1.25
"""Up to this multiple of its fair share, listing a server twice is an odd way to write its weight."""


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Second and later lines of one address, where other addresses are listed too."""
    for upstream in config.upstreams:
        have, times = weights(upstream), times_fair(upstream, capacity)
        if not upstream.used or len(have) < 2:
            continue
        declared = fair_weights(upstream, capacity) is not None
        seen: set[str] = set()
        for server in upstream.serving:
            if server.key in seen and not (declared and times[server.key] <= ABOUT_FAIR):
                what = "hash keys" if upstream.hashed else "requests"
                message = (
                    f"{upstream.label(server)} is listed before: with this line it gets {have[server.key]} of every "
                    f"{sum(have.values())} {what}."
                )
                yield finding(MISTAKE.slug, upstream.name, (server.word,), message, MISTAKE.mend)
            seen.add(server.key)


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Second and later lines of one address, where other addresses are listed too.

    Several lines of one name get an address each where ``resolvers`` look it up (measured: HA-30).
    """
    for pool in config.pools:
        have, times = weights(pool), times_fair(pool, capacity)
        if not pool.used or len(have) < 2:
            continue
        known = fair_weights(pool, capacity) is not None
        seen: set[str] = set()
        for server in pool.serving:
            if (
                server.key in seen
                and "resolvers" not in server.settings
                and not (known and times[server.key] <= ABOUT_FAIR)
            ):
                what = "hash keys" if pool.hashed else "requests"
                message = (
                    f"{plain(server.address)} is listed before: with this line it gets {have[server.key]} of every "
                    f"{sum(have.values())} {what}."
                )
                yield finding(MISTAKE.slug, pool.name, (server.word,), message, MISTAKE.mend)
            seen.add(server.key)


MISTAKE = Mistake(
    slug="duplicate-server",
    title="A server listed twice",
    what="One address has two `server` lines in the same pool, mostly after copying a line to add a new machine.",
    why="The balancer does not notice: it deals to lines, not to machines, so this machine gets double. The "
    "new machine that "
    "the line was meant for gets nothing.",
    clients=CLIENTS,
    states=STATES,
    seen="Count answers per address, not per line: statistics of the balancer show every line in order.",
    mend="Remove the second line, or write the address it was meant for.",
    instead=nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080;"),
    versions="all nginx versions; measured with 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server",
        "NX-18",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-server",
        "HA-29",
    ),
    decides="server",
    directives=("server",),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "copied-line",
            nginx("server app1:8080;\nserver app1:8080;\nserver app2:8080;\nserver app3:8080;"),
            guilty="app1:8080",
            share={"many": {"app1": 0.5, "app2": 0.25, "app3": 0.25}, "office": {"app1": 0.5}},
        ),
        Example(
            "other-parameters",
            nginx("server app1:8080;\nserver app2:8080;\nserver app2:8080 max_fails=3;"),
            guilty="app2:8080",
            share={"many": {"app1": 1 / 3, "app2": 2 / 3}},
        ),
        Example(
            "haproxy-copied-line",
            haproxy(f"{servers(CHECKED, CHECKED, CHECKED)}\nserver web4 app1:8080 {CHECKED}"),
            guilty="app1:8080",
            share={"many": {"app1": 0.5, "app2": 0.25, "app3": 0.25}, "office": {"app1": 0.5}},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "as-weight",
            nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080;\nserver app3:8080;"),
            "an odd way to write a weight, but app3 is twice as strong",
            share={"many": {"app1": 0.25, "app2": 0.25, "app3": 0.5}},
            capacity={"app1": 1, "app2": 1, "app3": 2},
        ),
        LookAlike("ports", nginx("server app1:8080;\nserver app1:8081;"), "two programs on one machine"),
        LookAlike(
            "two-pools",
            nginx(
                "server app1:8080;\nserver app2:8080;",
                http="upstream search { server app1:8080; server app2:8080; }",
                server="location /search { proxy_pass http://search; }",
            ),
            "each pool lists it once",
            share={"many": {"app1": 0.5, "app2": 0.5}},
        ),
        LookAlike("comment", nginx("server app1:8080;\n# server app1:8080;\nserver app2:8080;"), "a comment"),
        LookAlike(
            "haproxy-ports",
            haproxy(f"server a app1:8080 {CHECKED}\nserver b app1:8081 {CHECKED}"),
            "two programs on one machine",
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-looked-up",
            haproxy(
                "default-server resolvers here init-addr none\nserver a shop.internal:8080\n"
                "server b shop.internal:8080\nserver c app3:8080",
                extra="resolvers here\n    nameserver local 127.0.0.1:53\n",
            ),
            "each line gets an address of its own from the name server",
            proxy="haproxy",
        ),
    ),
)
