"""Equal weights on unequal machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.capacity import fair_weights, weights
from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding, nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig

_ADAPTS = ("least_conn", "least_time")
"""These, and ``random two``, give a slower machine less by themselves once there is load."""
UNEQUAL = 1.25
"""Machines closer to each other than this count as equal."""


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """The strongest machine of a pool that gives all the same although they are declared unequal."""
    for upstream in config.upstreams:
        have, fair = weights(upstream), fair_weights(upstream, capacity)
        if not upstream.used or not fair or len(have) < 2 or len(set(have.values())) > 1:
            continue
        method = upstream.method
        if method and (method.name in _ADAPTS or (method.name == "random" and "two" in method.values)):
            continue
        weakest, strongest = min(fair.values()), max(fair.values())
        server = next(s for s in upstream.serving if fair[s.key] == strongest)
        if strongest >= UNEQUAL * weakest:
            words = (server.word, server.weight_word) if server.weight_word else (server.word,)
            message = (
                f"This line gives {upstream.label(server)} 1 of every {len(have)} requests, as much as the others, "
                f"though it is declared {strongest / weakest:.3g} times as strong as the weakest."
            )
            yield finding(MISTAKE.slug, upstream.name, words, message, MISTAKE.mend)


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """The strongest machine of a pool that gives all the same although they are declared unequal."""
    for pool in config.pools:
        have, fair = weights(pool), fair_weights(pool, capacity)
        if not pool.used or not fair or len(have) < 2 or len(set(have.values())) > 1:
            continue
        if pool.algorithm in ("leastconn", "random", "first"):
            continue
        weakest, strongest = min(fair.values()), max(fair.values())
        server = next(s for s in pool.serving if fair[s.key] == strongest)
        if strongest >= UNEQUAL * weakest:
            message = (
                f"This line gives {pool.label(server)} 1 of every {len(have)} requests, as much as the others, "
                f"though it is declared {strongest / weakest:.3g} times as strong as the weakest."
            )
            yield finding(MISTAKE.slug, pool.name, (server.word,), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="capacity-ignored",
    title="Equal weights on unequal machines",
    what="The machines of the pool are not equally strong, and every one gets the same number of requests.",
    why="The weakest machines are full while the strongest is half idle. The pool fails at the load at which its "
    "weakest member fails, not at the sum of what was paid for.",
    clients=CLIENTS,
    states=STATES,
    seen="Requests per server are equal, but latency and load are not.",
    mend="Give each server a weight in proportion to its capacity.",
    instead=nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080 weight=2;"),
    versions="all nginx versions; measured with 1.31.3; HAProxy 2.8.25 (since 3.3 a pool without "
    "`balance` uses `random`, which adapts)",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server",
        "NX-13",
        "https://docs.haproxy.org/2.8/configuration.html#5.2-weight",
        "HA-09",
    ),
    decides="size",
    directives=("server weight",),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "no-weights",
            nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080;"),
            guilty="app3:8080",
            share={"many": {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}},
            capacity={"app1": 1, "app2": 1, "app3": 2},
        ),
        Example(
            "same-weights",
            nginx("server app1:8080 weight=4;\nserver app2:8080 weight=4;"),
            guilty="app1:8080 weight=4",
            share={"office": {"app1": 0.5, "app2": 0.5}},
            capacity={"app1": 4, "app2": 1},
        ),
        Example(
            "random",
            nginx("random;\nserver app1:8080;\nserver app2:8080;\nserver app3:8080;"),
            guilty="app3:8080",
            share={"many": {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}},
            capacity={"app1": 1, "app2": 1, "app3": 2},
        ),
        Example(
            "haproxy-no-weights",
            haproxy(servers(CHECKED, CHECKED, CHECKED)),
            guilty="app3:8080",
            share={"many": {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}},
            proxy="haproxy",
            capacity={"app1": 1, "app2": 1, "app3": 2},
        ),
    ),
    look_alikes=(
        LookAlike(
            "equal-machines",
            nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080;"),
            "the machines are equal",
            share={"many": {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}},
            capacity={"app1": 1, "app2": 1, "app3": 1},
        ),
        LookAlike("not-declared", nginx("server app1:8080;\nserver app2:8080;"), "nobody declared any capacity"),
        LookAlike(
            "least-conn",
            nginx("least_conn;\nserver app1:8080;\nserver app2:8080;"),
            "a slower machine holds its connections longer, and so gets fewer new ones",
            capacity={"app1": 1, "app2": 2},
        ),
        LookAlike(
            "listed-twice",
            nginx("server app1:8080;\nserver app2:8080;\nserver app2:8080;"),
            "an odd way to write a weight, but the shares are right",
            share={"many": {"app1": 1 / 3, "app2": 2 / 3}},
            capacity={"app1": 1, "app2": 2},
        ),
        LookAlike(
            "haproxy-equal-machines",
            haproxy(servers(CHECKED, CHECKED)),
            "the machines are equal",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            proxy="haproxy",
            capacity={"app1": 1, "app2": 1},
        ),
        LookAlike(
            "haproxy-least",
            haproxy("balance leastconn\noption httpchk GET /\n" + servers(CHECKED, CHECKED)),
            "a slower machine holds its connections longer, and so gets fewer new ones",
            proxy="haproxy",
            capacity={"app1": 1, "app2": 2},
        ),
    ),
)
