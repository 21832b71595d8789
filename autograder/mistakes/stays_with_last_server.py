"""A connection that stays with the server it had last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import EVEN, THREE, haproxy
from autograder.mistakes.mistake import ANY_ONE, STATES, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``option prefer-last-server`` together with ``http-reuse never``: alone neither does this (measured: HA-17)."""
    del capacity  # A connection stays where it is, whatever the machine.
    for pool in config.web_pools:
        option = pool.section.option("prefer-last-server")
        reuse = pool.lines("http-reuse")
        if option and reuse and reuse[-1].values[0] == "never" and not pool.hashed and len(pool.machines) > 1:
            message = (
                "With this line a client that keeps its connection open stays with one server for all of its requests."
            )
            yield finding(MISTAKE.slug, pool.name, option.words, message, MISTAKE.mend)


_PREFER = "option prefer-last-server\n"

MISTAKE = Mistake(
    slug="stays-with-last-server",
    title="It stays where it was",
    what="`option prefer-last-server` and `http-reuse never` stand in the same pool.",
    why="Together they tie a client's connection to one server. Browsers hardly notice; another proxy, a CDN or an app "
    "that sends thousands of requests over a few connections puts all of them on a few servers, or on one.",
    clients=("kept-alive", "streaming"),
    states=STATES,
    seen="Send 300 requests over one connection and count them at the servers.",
    mend="Remove `option prefer-last-server`, or leave `http-reuse` at its default.",
    instead=haproxy(THREE),
    versions="HAProxy since 1.6; measured with 2.6.12 and 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-option%20prefer-last-server", "HA-17"),
    decides="client",
    directives=("option prefer-last-server",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "one-connection",
            haproxy(_PREFER + "http-reuse never\n" + THREE),
            guilty="option prefer-last-server",
            share={"kept-alive": {ANY_ONE: 1.0}},
            crowd=1,
            proxy="haproxy",
        ),
        Example(
            "inherited",
            haproxy(THREE, defaults=_PREFER + "http-reuse never"),
            guilty="option prefer-last-server",
            share={"kept-alive": {ANY_ONE: 1.0}},
            crowd=1,
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "prefer-only",
            haproxy(_PREFER + THREE),
            "with its connections shared among clients, HAProxy deals requests out",
            share={"kept-alive": EVEN},
            crowd=1,
            proxy="haproxy",
        ),
        LookAlike(
            "never-only",
            haproxy("http-reuse never\n" + THREE),
            "this alone ties nobody to a server",
            share={"kept-alive": EVEN},
            crowd=1,
            proxy="haproxy",
        ),
        LookAlike(
            "taken-back",
            haproxy("no option prefer-last-server\nhttp-reuse never\n" + THREE, defaults=_PREFER),
            "the pool takes it back",
            share={"kept-alive": EVEN},
            crowd=1,
            proxy="haproxy",
        ),
    ),
)
