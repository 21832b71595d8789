"""A warm-up that keeps a healed server almost idle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, EVEN, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


LONG = 600_000.0
"""Milliseconds of warm-up from which on it is a mistake."""
_STATIC = ("first", "static-rr")


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``slowstart`` of ten minutes and more, in pools whose algorithm heeds it."""
    del capacity  # The warm-up is a part of it, whatever it is.
    for pool in config.pools:
        if not pool.used or pool.algorithm in _STATIC or len(pool.machines) < 2:
            continue
        for server in pool.serving:
            if "slowstart" in server.settings and server.milliseconds("slowstart", 0) >= LONG:
                said, minutes = server.settings["slowstart"], server.milliseconds("slowstart", 0) / 60_000
                message = (
                    f"For {minutes:.3g} minutes after {pool.label(server)} is back, "
                    "these words keep it below its part of the requests, at first near none."
                )
                yield finding(MISTAKE.slug, pool.name, said.words, message, MISTAKE.mend)


def _one(words: str) -> str:
    return servers(CHECKED, f"{CHECKED} {words}", CHECKED)


MISTAKE = Mistake(
    slug="warms-up-too-long",
    title="A warm-up without end",
    what="`slowstart` is so long (half an hour, an hour) that a server which was down hardly takes part afterwards.",
    why="HAProxy raises its weight from almost nothing in small steps. Meanwhile the others carry its load, just "
    "after they had to carry it alone. A cache is warm in a minute or two.",
    clients=CLIENTS,
    states=("recovering",),
    seen="In `show stat` the server is UP with a weight that creeps up from 1.",
    mend="Make `slowstart` as long as the program needs to get warm, mostly less than two minutes.",
    instead=haproxy(_one("slowstart 60s")),
    versions="HAProxy since 1.4, not at its own start; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#5.2-slowstart", "HA-23"),
    decides="server",
    directives=("server slowstart", "default-server"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "hour",
            haproxy(_one("slowstart 1h")),
            guilty="slowstart 1h",
            share={"many": {"app2": 0.03, "app1": 0.485, "app3": 0.485}},
            state="recovering",
            proxy="haproxy",
        ),
        Example(
            "for-all",
            haproxy(f"default-server {CHECKED} slowstart 30m\n{servers('', '', '')}"),
            guilty="slowstart 30m",
            share={"office": {"app3": 0.03}},
            state="recovering",
            victim="app3",
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike("minute", haproxy(_one("slowstart 60s")), "a minute of warm-up spares a cold cache", proxy="haproxy"),
        LookAlike(
            "never-down",
            haproxy(_one("slowstart 2m")),
            "HAProxy warms up no server at its own start",
            share={"many": EVEN},
            proxy="haproxy",
        ),
    ),
)
