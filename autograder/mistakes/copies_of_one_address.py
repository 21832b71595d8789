"""A template that makes many servers of one address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, THREE, haproxy
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``server-template`` of two servers and more without ``resolvers``."""
    del capacity  # One machine is one machine.
    for pool in config.pools:
        for server in pool.servers if pool.used else ():
            if server.copies > 1 and "resolvers" not in server.settings:
                message = (
                    f"This line makes {server.copies} servers, and nothing looks up a second address for them: all of "
                    "them are the machine whose address came first."
                )
                yield finding(MISTAKE.slug, pool.name, (server.word,), message, MISTAKE.mend)


_RESOLVERS = "resolvers here\n    nameserver local 127.0.0.1:53\n"

MISTAKE = Mistake(
    slug="copies-of-one-address",
    title="Many servers, one address",
    what="`server-template web 3 shop.internal:8080` is written without `resolvers`.",
    why="Without `resolvers` HAProxy asks for the name once, at its start, and every server of the template gets the "
    "first address. Its statistics show three servers with a third each; one machine has it all.",
    clients=CLIENTS,
    states=STATES,
    seen="`show servers state` lists the same address on every line; count at the servers, the balancer counts lines.",
    mend="Add a `resolvers` section and name it on the template, or write a `server` line for each machine.",
    instead=haproxy(THREE),
    versions="HAProxy since 1.8; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-server-template", "HA-31"),
    decides="pool",
    directives=("server-template",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "template",
            haproxy(f"server-template web 3 app1:8080 {CHECKED}"),
            guilty="app1:8080",
            share={"many": {"app1": 1.0}, "office": {"app1": 1.0}},
            proxy="haproxy",
        ),
        Example(
            "range",
            haproxy(f"balance leastconn\noption httpchk GET /\nserver-template web 1-5 app2:8080 {CHECKED}"),
            guilty="app2:8080",
            share={"kept-alive": {"app2": 1.0}},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "looked-up",
            haproxy(
                f"server-template web 3 shop.internal:8080 {CHECKED} resolvers here init-addr none", extra=_RESOLVERS
            ),
            "the name is looked up again and again, and each server gets an address of its own",
            proxy="haproxy",
        ),
        LookAlike(
            "templates-of-one",
            haproxy(f"server-template a 1 app1:8080 {CHECKED}\nserver-template b 1 app2:8080 {CHECKED}"),
            "each makes one server",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            proxy="haproxy",
        ),
    ),
)
