"""``balance first`` without a limit: the first server never fills up, and the next one never begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, EVEN, THREE, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Pools that fill server after server, where the first has no ``maxconn`` to be full at."""
    del capacity  # Nothing but maxconn makes a server full.
    for pool in config.pools:
        if not pool.used or pool.balance is None or pool.algorithm != "first" or len(pool.machines) < 2:
            continue
        first = pool.serving[0]
        if "maxconn" not in first.settings:
            message = (
                f"This line sends requests on only when {pool.label(first)} is full, and nothing says when that is: "
                "the servers behind it get none."
            )
            yield finding(MISTAKE.slug, pool.name, pool.balance.words[:2], message, MISTAKE.mend)


_LIMIT = f"{CHECKED} maxconn 2"

MISTAKE = Mistake(
    slug="first-never-full",
    title="A first server that is never full",
    what="The pool says `balance first`, which fills the first server before the next one gets anything, and the first "
    "server has no `maxconn`.",
    why="Without a limit a server is never full. All requests queue at one machine while the others are idle, however "
    "much traffic there is.",
    clients=CLIENTS,
    states=STATES,
    seen="In `show stat` one server has all the sessions; the others have 0, and are UP.",
    mend="Use `roundrobin` or `leastconn`; keep `first` for pools where idle machines are switched off, with `maxconn` "
    "on every server.",
    instead=haproxy("balance roundrobin\n" + THREE),
    versions="HAProxy since 1.5; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-balance", "HA-07"),
    decides="pool",
    directives=("balance first", "server maxconn"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "first",
            haproxy("balance first\n" + THREE),
            guilty="balance first",
            share={"many": {"app1": 1.0, "app2": 0.0, "app3": 0.0}, "kept-alive": {"app1": 1.0}},
            proxy="haproxy",
        ),
        Example(
            "inherited",
            haproxy(THREE, defaults="balance first"),
            guilty="balance first",
            share={"office": {"app1": 1.0}},
            proxy="haproxy",
            concurrency=16,
        ),
        Example(
            "the-next-in-line",
            haproxy("balance first\n" + THREE),
            guilty="balance first",
            share={"many": {"app2": 1.0}},
            state="one-down",
            victim="app1",
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "with-limits",
            haproxy("balance first\n" + servers(_LIMIT, _LIMIT, _LIMIT)),
            "with a limit on every server, the next one begins where the last is full",
            proxy="haproxy",
        ),
        LookAlike(
            "overruled",
            haproxy("balance roundrobin\n" + THREE, defaults="balance first"),
            "the pool says otherwise",
            share={"many": EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "comment",
            haproxy("# balance first\n" + THREE),
            "a comment",
            share={"many": EVEN},
            proxy="haproxy",
        ),
    ),
)
