"""Servers that share the value of a cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import STATES, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """The second and later machines with a ``cookie`` value that another one has, in a pool that sets cookies."""
    del capacity  # A cookie names a server, whatever the machine.
    for pool in config.web_pools:
        seen: dict[str, str] = {}
        for server in pool.serving if pool.lines("cookie") else ():
            said = server.settings.get("cookie")
            if said is None:
                continue
            if seen.setdefault(said.value, server.key) != server.key:
                message = (
                    f"Another server has this cookie, too, and is found first: clients that {pool.label(server)} gives "
                    "it to are sent there ever after."
                )
                yield finding(MISTAKE.slug, pool.name, said.words, message, MISTAKE.mend)


_COOKIE = "cookie SERVED insert indirect nocache\n"


def _pool(*names: str) -> str:
    return haproxy(_COOKIE + servers(*[f"{CHECKED} cookie {name}" for name in names]))


MISTAKE = Mistake(
    slug="same-cookie",
    title="One cookie for all",
    what="Several servers of the pool have the same `cookie` value, mostly because a line was copied.",
    why="The cookie is how a returning client finds its server. When the value stands for several, HAProxy takes the "
    "first: new clients are spread well, and everybody who comes back is on one server.",
    clients=("few", "kept-alive", "zipf", "many"),
    states=STATES,
    seen="Ask twice with the cookie kept, and see where the second answer comes from; new clients show nothing.",
    mend="Give each server a cookie value of its own, like its name.",
    instead=_pool("s1", "s2", "s3"),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#5.2-cookie",),
    decides="client",
    directives=("server cookie",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "all-the-same",
            _pool("s1", "s1", "s1"),
            guilty="cookie s1",
            share={"few": {"app1": 1.0}, "zipf": {"app1": 0.93}},
            proxy="haproxy",
            within=0.05,
        ),
        Example(
            "returning",
            _pool("s1", "s2", "s1"),
            guilty="cookie s1",
            share={"many": {"app1": 2 / 3, "app2": 1 / 3, "app3": 0.0}},
            acquainted=True,
            proxy="haproxy",
            within=0.02,
        ),
    ),
    look_alikes=(
        LookAlike(
            "own",
            _pool("s1", "s2", "s3"),
            "each has its own",
            share={"many": {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}},
            acquainted=True,
            proxy="haproxy",
        ),
        LookAlike(
            "not-asked",
            haproxy(servers(*[f"{CHECKED} cookie s1"] * 3)),
            "the pool has no `cookie` line, so nobody is given one",
            share={"few": {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}},
            proxy="haproxy",
        ),
    ),
)
