"""Settings for web pages in a pool that does not read web pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, EVEN, THREE, haproxy, servers
from autograder.mistakes.mistake import ANY_ONE, STATES, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


_WEB_ONLY = ("uri", "url_param", "hdr")


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """A pool's own ``balance uri``, ``hdr`` or ``url_param``, or ``cookie``, where its mode is ``tcp``."""
    del capacity  # What is not in force is so on any machine.
    for pool in config.pools:
        if not pool.used or pool.web or len(pool.machines) < 2:
            continue
        own = [line for line in pool.own("balance") if line.values[0].partition("(")[0] in _WEB_ONLY]
        for line in (*own, *pool.own("cookie")):
            if line.values[0].startswith("rdp-cookie"):
                continue
            message = (
                "This pool passes connections on unread (mode tcp), so this line does nothing: all requests of a "
                "connection go to the server that the connection went to."
            )
            yield finding(MISTAKE.slug, pool.name, line.words, message, MISTAKE.mend)


_COOKIE = "cookie SERVED insert indirect nocache\n"
_KEPT = [f"{CHECKED} cookie s{n}" for n in (1, 2, 3)]

MISTAKE = Mistake(
    slug="web-rules-in-tcp",
    title="Rules for pages nobody reads",
    what="A pool has settings for web requests (`cookie`, `balance uri`, `balance hdr(…)`), but its mode is `tcp`: "
    "`mode http` was forgotten, which is not what HAProxy does by itself.",
    why="HAProxy warns once at its start, and balances connections instead. A client that keeps its connection open, "
    "such as another proxy or an app, sends everything to one server, and stickiness is gone.",
    clients=("kept-alive", "streaming"),
    states=STATES,
    seen="Requests that share a connection share a server; `haproxy -c` warns that the setting is ignored.",
    mend="Write `mode http` in the defaults, or remove what only web requests have.",
    instead=haproxy("balance uri whole\n" + THREE),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-mode", "HA-16"),
    decides="pool",
    directives=("mode tcp", "balance", "cookie"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "page",
            haproxy("balance uri whole\n" + THREE, mode="tcp"),
            guilty="balance uri whole",
            share={"kept-alive": {ANY_ONE: 1.0}},
            crowd=1,
            proxy="haproxy",
        ),
        Example(
            "cookie",
            haproxy(_COOKIE + servers(*_KEPT), mode="tcp"),
            guilty="cookie SERVED insert indirect nocache",
            share={"kept-alive": {ANY_ONE: 1.0}},
            crowd=1,
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "http",
            haproxy("balance uri whole\n" + THREE),
            "this pool reads requests",
            share={"kept-alive": EVEN},
            crowd=1,
            pages="checkout",
            proxy="haproxy",
        ),
        LookAlike(
            "database",
            haproxy("balance leastconn\n" + THREE, mode="tcp"),
            "connections are what should be balanced here",
            share={"kept-alive": EVEN},
            proxy="haproxy",
            within=0.05,
        ),
        LookAlike(
            "remote-desktops",
            haproxy("balance rdp-cookie\n" + THREE, mode="tcp"),
            "the one cookie there is in TCP",
            share={"many": EVEN},
            proxy="haproxy",
        ),
    ),
)
