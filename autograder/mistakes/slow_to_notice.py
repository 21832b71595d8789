"""Checks so seldom that a dead server keeps its traffic for minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import THREE, haproxy, servers
from autograder.mistakes.haproxy_health import notices_within, redispatches
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


LONG = 120_000.0
"""Milliseconds until a death is noticed from which on it is a mistake: HAProxy's own settings need six seconds."""


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Checks that need minutes (``inter`` times ``fall``) where no other server is tried meanwhile; one for a pool."""
    del capacity  # A dead machine has none.
    for pool in config.web_pools:
        if len(pool.machines) < 2 or redispatches(pool):
            continue
        for server in pool.serving:
            settings = server.settings
            if "check" not in settings or "observe" in settings or notices_within(server) < LONG:
                continue
            often = "fall" in settings and server.number("fall", 3) > 10
            said = (
                settings["fall"] if often else settings.get("inter") or settings.get("fastinter") or settings["check"]
            )
            message = (
                f"With these words it takes HAProxy {notices_within(server) / 60_000:.3g} minutes to see that a server "
                "is dead, and as long it keeps its part of the requests."
            )
            yield finding(MISTAKE.slug, pool.name, said.words, message, MISTAKE.mend)
            break


def _checked(words: str) -> str:
    return servers(*[f"check {words}"] * 3, option="")


_THIRD_GONE = {"app1": 1 / 3, "app2": 0.0, "app3": 1 / 3}

MISTAKE = Mistake(
    slug="slow-to-notice",
    title="Slow to notice a death",
    what="Checks are minutes apart (`inter 10m`), or so many must fail (`fall 500`) that minutes pass before a dead "
    "server is taken out; and no request is tried elsewhere meanwhile.",
    why="Until then the dead server keeps its part of the traffic: with three servers every third request fails. Often "
    "the unit was forgotten or confused: `inter` without a unit is in milliseconds.",
    clients=CLIENTS,
    states=("one-down",),
    seen="Stop a server and count the seconds until `show stat` says DOWN.",
    mend="Check every few seconds and take a server out after two or three failures (by default `inter 2s fall 3`).",
    instead=haproxy(servers("check inter 2s fall 3", "check inter 2s fall 3", "check inter 2s fall 3")),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#5.2-inter", "HA-18"),
    decides="failure",
    directives=("server inter", "server fall"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "interval",
            haproxy(_checked("inter 10m")),
            guilty="inter 10m",
            share={"many": _THIRD_GONE},
            state="one-down",
            failed=1 / 3,
            also=("slow-to-return",),
            proxy="haproxy",
            concurrency=12,
        ),
        Example(
            "fall",
            haproxy(_checked("inter 1s fall 500")),
            guilty="fall 500",
            share={"many": _THIRD_GONE},
            state="one-down",
            failed=1 / 3,
            proxy="haproxy",
            concurrency=12,
        ),
    ),
    look_alikes=(
        LookAlike(
            "tried-elsewhere",
            haproxy("option redispatch\n" + _checked("inter 10m fall 1 rise 1 fastinter 1s downinter 1s")),
            "meanwhile the last try goes to another server: slow, but nothing fails",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
            state="one-down",
            proxy="haproxy",
            concurrency=12,
        ),
        LookAlike(
            "seldom-then-often",
            haproxy(_checked("inter 60s fastinter 1s fall 3")),
            "after the first failure it looks every second",
            proxy="haproxy",
        ),
        LookAlike(
            "usual", haproxy(THREE), "noticed at once", share={"many": {"app2": 0.0}}, state="one-down", proxy="haproxy"
        ),
    ),
)
