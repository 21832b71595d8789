"""Clients that are held to a server although it is known to be dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.haproxy_health import checked, redispatches
from autograder.mistakes.mistake import Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``option persist`` in a pool that keeps clients with a cookie and tries no other server."""
    del capacity  # A dead machine has none.
    for pool in config.web_pools:
        option = pool.section.option("persist")
        keeps = pool.lines("cookie") and any("cookie" in server.settings for server in pool.serving)
        if option is None or not keeps or redispatches(pool) or len(pool.machines) < 2:
            continue
        if any(checked(server) for server in pool.serving):
            message = (
                "This line sends clients to the server that their cookie names even when checks have found it dead: "
                "they get an error each time, and nobody else does."
            )
            yield finding(MISTAKE.slug, pool.name, option.words, message, MISTAKE.mend)


def _pool(option: str) -> str:
    kept = [f"{CHECKED} cookie s{n}" for n in (1, 2, 3)]
    return haproxy("cookie SERVED insert indirect nocache\n" + servers(*kept, option=option))


_SURVIVE = {"app1": 0.5, "app2": 0.0, "app3": 0.5}

MISTAKE = Mistake(
    slug="faithful-to-the-dead",
    title="Faithful to the dead",
    what="`option persist` holds clients to the server in their cookie, also when it is down, and there is no "
    "`option redispatch`.",
    why="Checks have long taken the server out, and new clients never notice. Its old clients, a third of all, get a "
    "503 for every page until they delete their cookies or the server returns.",
    clients=("many", "few", "kept-alive", "zipf"),
    states=("one-down",),
    seen="Stop a server: a fresh client sees no error, a browser that was there before sees nothing else.",
    mend="Remove `option persist`, or add `option redispatch` so that the last try goes to another server.",
    instead=_pool("option redispatch"),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-option%20persist", "HA-14"),
    decides="client",
    directives=("option persist", "cookie"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "returning",
            _pool("option persist"),
            guilty="option persist",
            share={"many": {"app1": 1 / 3, "app2": 0.0, "app3": 1 / 3}},
            state="one-down",
            failed=1 / 3,
            acquainted=True,
            proxy="haproxy",
            concurrency=12,
        ),
    ),
    look_alikes=(
        LookAlike(
            "not-held",
            _pool(""),
            "without it, clients of a dead server are dealt out again",
            share={"many": _SURVIVE},
            state="one-down",
            acquainted=True,
            proxy="haproxy",
            within=0.1,
        ),
        LookAlike(
            "tried-elsewhere",
            _pool("option persist\noption redispatch"),
            "the last try goes to another server",
            share={"many": _SURVIVE},
            state="one-down",
            acquainted=True,
            proxy="haproxy",
            concurrency=12,
            within=0.1,
        ),
    ),
)
