"""Checks that keep a healed server out for minutes or hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, EVEN, haproxy, servers
from autograder.mistakes.haproxy_health import returns_within
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


LONG = 300_000.0
"""Milliseconds from healing to serving from which on it is a mistake: HAProxy's own settings need four seconds."""


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Checks that want so many good answers (``rise``), or ask a server that is down so seldom, that it stays out."""
    del capacity  # A server that is out has none.
    for pool in config.pools:
        if not pool.used or len(pool.machines) < 2:
            continue
        for server in pool.serving:
            settings = server.settings
            if "check" not in settings or returns_within(server) < LONG:
                continue
            often = "rise" in settings and server.number("rise", 2) > 10
            said = (
                settings["rise"] if often else settings.get("downinter") or settings.get("inter") or settings["check"]
            )
            message = (
                f"With these words {pool.label(server)}, once it was down, gets nothing for "
                f"{returns_within(server) / 60_000:.3g} minutes after it is well again."
            )
            yield finding(MISTAKE.slug, pool.name, said.words, message, MISTAKE.mend)


def _one(words: str) -> str:
    return servers(CHECKED, f"{CHECKED} {words}", CHECKED)


_OUT = {"app1": 0.5, "app2": 0.0, "app3": 0.5}

MISTAKE = Mistake(
    slug="slow-to-return",
    title="Slow to return",
    what="A server that was down must pass very many checks (`rise 6000`), or is asked very seldom (`downinter 1h`), "
    "before it gets requests again.",
    why="The machine is mended and everybody thinks it serves, but the others carry its load. After an outage of "
    "several servers the first one to return carries all of it, and may fall again.",
    clients=CLIENTS,
    states=("recovering",),
    seen="`show stat` counts up slowly (`DOWN 7/6000`) on a server that answers every request you send it yourself.",
    mend="Let a server return after two or three good checks, and check those that are down every few seconds.",
    instead=haproxy(servers("check inter 2s rise 3", "check inter 2s rise 3", "check inter 2s rise 3")),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#5.2-rise", "HA-23"),
    decides="absence",
    directives=("server rise", "server downinter", "default-server"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "rise",
            haproxy(_one("rise 6000")),
            guilty="rise 6000",
            share={"many": _OUT, "office": _OUT},
            state="recovering",
            proxy="haproxy",
        ),
        Example(
            "seldom",
            haproxy(_one("downinter 1h")),
            guilty="downinter 1h",
            share={"many": _OUT},
            state="recovering",
            proxy="haproxy",
        ),
        Example(
            "for-all",
            haproxy(f"default-server {CHECKED} rise 9999\n{servers('', '', '')}"),
            guilty="rise 9999",
            share={"many": {"app1": 0.5, "app2": 0.5, "app3": 0.0}},
            state="recovering",
            victim="app3",
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "a-minute",
            haproxy(servers("check inter 2s rise 30", "check inter 2s rise 30", "check inter 2s rise 30")),
            "a minute of good answers is careful",
            share={"many": EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "often-and-quick", haproxy(_one("inter 10ms rise 100")), "a hundred checks in a second", proxy="haproxy"
        ),
    ),
)
