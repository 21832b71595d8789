"""A queue that gives up at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_config import milliseconds
from autograder.mistakes.haproxy_example import CHECKED, EVEN, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


SHORT = 100.0
"""Milliseconds of waiting below which a queue is of no use."""


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``timeout queue`` of a few milliseconds in pools whose servers have limits to queue before."""
    del capacity  # The queue is as short on any machine.
    for pool in config.web_pools:
        lines = [line for line in pool.lines("timeout") if line.values[0] == "queue" and len(line.values) > 1]
        wait = milliseconds(lines[-1].values[1]) if lines else None
        limited = all("maxconn" in server.settings for server in pool.serving)
        if wait is not None and 0 < wait < SHORT and limited:
            message = (
                f"With this line a request that finds every server at its limit waits {wait:g} thousandths of a "
                "second, and then fails."
            )
            yield finding(MISTAKE.slug, pool.name, lines[-1].words, message, MISTAKE.mend)


def _queue(wait: str) -> str:
    return haproxy(f"timeout queue {wait}\n" + servers(*[f"{CHECKED} maxconn 1"] * 3))


MISTAKE = Mistake(
    slug="queue-gives-up",
    title="A queue that gives up at once",
    what="Servers have a `maxconn`, and `timeout queue` is a few milliseconds: a time without a unit is in "
    "milliseconds, so `timeout queue 5` is not five seconds.",
    why="A limit protects a server by letting requests wait a moment. When they may not wait, a small peak that the "
    "pool would have served in a tenth of a second becomes a wall of 503, at servers that are half idle.",
    clients=CLIENTS,
    states=STATES,
    seen="The log shows `sQ` and 503 as soon as more requests come than all limits together, and only then.",
    mend="Let requests wait as long as people do, some seconds, and write the unit (`timeout queue 5s`).",
    instead=_queue("5s"),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-timeout%20queue", "HA-34"),
    decides="failure",
    directives=("timeout queue",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "no-unit",
            _queue("1"),
            guilty="timeout queue 1",
            share={"many": {"app4": 0.0}},
            failed=0.85,
            proxy="haproxy",
            concurrency=32,
            within=0.1,
        ),
    ),
    look_alikes=(
        LookAlike(
            "seconds",
            _queue("5s"),
            "everybody waits a moment, and nobody fails",
            share={"many": EVEN},
            proxy="haproxy",
            concurrency=32,
        ),
        LookAlike(
            "no-limits",
            haproxy("timeout queue 1\n" + servers(CHECKED, CHECKED, CHECKED)),
            "without limits nobody queues",
            share={"many": EVEN},
            proxy="haproxy",
            concurrency=32,
        ),
    ),
)
