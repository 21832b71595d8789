"""A weight that is a typo, or was left over from a canary or a load test."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from autograder.mistakes.capacity import TOO_MUCH, fair_weights, times_fair, weights
from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding, nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig, Pool
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig, Upstream

FAR_APART = 4
"""Machines of one pool seldom differ by more; without declared capacities, only weights further apart are found."""


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Weights that give a server far more than its machine's part."""
    for upstream in config.upstreams:
        if not upstream.used or len(set(weights(upstream).values())) < 2 or _declared_canary(upstream, capacity):
            continue
        times = times_fair(upstream, capacity)
        usual = statistics.median_low(server.weight for server in upstream.serving)
        for server in upstream.serving:
            far = fair_weights(upstream, capacity) is not None or server.weight >= FAR_APART * usual
            if server.weight_word and server.weight > 1 and far and times[server.key] >= TOO_MUCH:
                whole = sum(other.weight for other in upstream.serving)
                what = "hash keys" if upstream.hashed else "requests"
                name = upstream.label(server)
                message = f"This line tells nginx to send {server.weight} of every {whole} {what} to {name}."
                yield finding(MISTAKE.slug, upstream.name, (server.weight_word,), message, MISTAKE.mend)


def _declared_canary(upstream: Upstream, capacity: Capacity | None) -> bool:
    """Two servers with a weight written on each (99 and 1): somebody meant it, unless the capacities say otherwise."""
    return (
        len(upstream.serving) == 2
        and all(server.weight_word for server in upstream.serving)
        and fair_weights(upstream, capacity) is None
    )


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Weights that give a server far more than its machine's part."""
    for pool in config.pools:
        if not pool.used or pool.algorithm == "first" or len(set(weights(pool).values())) < 2 or _meant(pool, capacity):
            continue
        times = times_fair(pool, capacity)
        usual = statistics.median_low(server.weight for server in pool.serving)
        for server in pool.serving:
            said = server.settings.get("weight")
            far = fair_weights(pool, capacity) is not None or server.weight >= FAR_APART * usual
            if said and server.weight > 1 and far and times[server.key] >= TOO_MUCH:
                whole = sum(other.weight for other in pool.serving)
                what = "hash keys" if pool.hashed else "requests"
                message = f"These words send {server.weight} of every {whole} {what} to {pool.label(server)}."
                yield finding(MISTAKE.slug, pool.name, said.words, message, MISTAKE.mend)


def _meant(pool: Pool, capacity: Capacity | None) -> bool:
    """Two servers with a weight written on each (99 and 1): somebody meant it, unless the capacities say otherwise."""
    both = len(pool.serving) == 2 and all("weight" in server.settings for server in pool.serving)
    return both and fair_weights(pool, capacity) is None


MISTAKE = Mistake(
    slug="weight-skew",
    title="A weight far above the machine",
    what="One server of the pool has a `weight` many times that of the others, although its machine is not that much "
    "stronger: a typo (100 for 10), or what a canary or a load test left behind.",
    why="The balancer deals requests out in proportion to weights. With 100, 1 and 1 the first server gets 98 % of the "
    "traffic, and the others might as well be off. It falls over at a third of the load the pool was bought for.",
    clients=CLIENTS,
    states=STATES,
    seen="Count answers per `$upstream_addr` in the access log and compare with the capacity of each machine.",
    mend="Give each server the weight of its capacity; equal machines need none.",
    instead=nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080;"),
    versions="all nginx versions; measured with 1.22.1 and 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server",
        "NX-13",
        "https://docs.haproxy.org/2.8/configuration.html#5.2-weight",
        "HA-09",
    ),
    decides="server",
    directives=("server weight",),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "typo",
            nginx("server app1:8080 weight=100;\nserver app2:8080;\nserver app3:8080;"),
            guilty="weight=100",
            share={
                "many": {"app1": 100 / 102, "app2": 1 / 102, "app3": 1 / 102},
                "office": {"app1": 100 / 102, "app2": 1 / 102, "app3": 1 / 102},
            },
        ),
        Example(
            "one-line",
            "events {} http { upstream shop { server app1:8080; server app2:8080 weight=20; } "
            "server { listen 80; location / { proxy_pass http://shop; } } }",
            guilty="weight=20",
            share={"kept-alive": {"app1": 1 / 21, "app2": 20 / 21}},
        ),
        Example(
            "wrong-machine",
            nginx("server app1:8080 weight=2;\nserver app2:8080;\nserver app3:8080;"),
            guilty="weight=2",
            share={"many": {"app1": 0.5, "app2": 0.25, "app3": 0.25}},
            capacity={"app1": 1, "app2": 1, "app3": 2},
        ),
        Example(
            "survivor",
            nginx("zone shop 64k;\nserver app1:8080 weight=20;\nserver app2:8080;\nserver app3:8080;"),
            guilty="weight=20",
            share={"many": {"app1": 20 / 21, "app2": 0.0, "app3": 1 / 21}},
            state="one-down",
        ),
        Example(
            "haproxy-typo",
            haproxy(servers(f"{CHECKED} weight 100", CHECKED, CHECKED)),
            guilty="weight 100",
            share={"many": {"app1": 100 / 102, "app2": 1 / 102}, "office": {"app1": 100 / 102}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-survivor",
            haproxy(servers(f"{CHECKED} weight 20", CHECKED, CHECKED)),
            guilty="weight 20",
            share={"many": {"app1": 20 / 21, "app2": 0.0, "app3": 1 / 21}},
            proxy="haproxy",
            state="one-down",
        ),
    ),
    look_alikes=(
        LookAlike(
            "capacity",
            nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080 weight=2;"),
            "app3 is twice as strong, and declared so",
            share={"many": {"app1": 0.25, "app2": 0.25, "app3": 0.5}},
            capacity={"app1": 1, "app2": 1, "app3": 2},
        ),
        LookAlike(
            "big-capacity",
            nginx("server app1:8080;\nserver app2:8080 weight=16;"),
            "a weight of 16 is right on a machine 16 times as strong",
            capacity={"app1:8080": 1, "app2:8080": 16},
        ),
        LookAlike(
            "undeclared-two-to-one",
            nginx("server app1:8080 weight=2;\nserver app2:8080;\nserver app3:8080;"),
            "machines differ by this much; without declared capacities nobody can say it is wrong",
        ),
        LookAlike(
            "equal",
            nginx("server app1:8080 weight=3;\nserver app2:8080 weight=3;\nserver app3:8080 weight=3;"),
            "equal weights are as good as none",
            share={"many": {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}},
        ),
        LookAlike(
            "canary",
            nginx(
                "server app1:8080 weight=33;\nserver app2:8080 weight=33;\nserver app3:8080 weight=33;\n"
                "server app4:8080;"
            ),
            "one server in a hundred gets the new version; nobody gets too much",
            share={"many": {"app4": 0.01}},
        ),
        LookAlike(
            "two-line-canary",
            nginx("server app1:8080 weight=99;\nserver app2:8080 weight=1;"),
            "a weight is written on both lines: it is meant",
        ),
        LookAlike(
            "comment",
            nginx(
                "server app1:8080; # weight=100 was for the load test\n# server app1:8080 weight=100;\n"
                "server app2:8080;"
            ),
            "comments balance nothing",
        ),
        LookAlike(
            "idle",
            nginx(
                "server app1:8080;\nserver app2:8080;",
                http="upstream green { server app3:8080 weight=100; server app4:8080; }",
            ),
            "no line passes requests to this pool",
        ),
        LookAlike(
            "haproxy-capacity",
            haproxy(servers(CHECKED, CHECKED, f"{CHECKED} weight 2")),
            "app3 is twice as strong, and declared so",
            share={"many": {"app1": 0.25, "app2": 0.25, "app3": 0.5}},
            proxy="haproxy",
            capacity={"app1": 1, "app2": 1, "app3": 2},
        ),
        LookAlike(
            "haproxy-scale",
            haproxy(servers(*[f"{CHECKED} weight {n}" for n in (100, 100, 50)])),
            "the third machine is half as strong",
            share={"many": {"app1": 0.4, "app2": 0.4, "app3": 0.2}},
            proxy="haproxy",
        ),
    ),
)
