"""A server that no client can come back to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, EVEN, haproxy, servers
from autograder.mistakes.mistake import STATES, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Servers without a ``cookie`` value in a pool whose others have one and that gives cookies to clients."""
    del capacity  # A cookie names a server, whatever the machine.
    for pool in config.web_pools:
        lines = pool.lines("cookie")
        if not lines or "dynamic" in lines[-1].values or len(pool.machines) < 2:
            continue
        without = [server for server in pool.serving if "cookie" not in server.settings]
        if 0 < len(without) < len(pool.serving):
            for server in without:
                message = (
                    f"The other servers give their clients a cookie and keep them; {pool.label(server)} gives none, so "
                    "after this line its clients are dealt out again, until another server keeps them."
                )
                yield finding(MISTAKE.slug, pool.name, (server.word,), message, MISTAKE.mend)


def _pool(*words: str, how: str = "insert indirect nocache") -> str:
    return haproxy(f"cookie SERVED {how}\n" + servers(*[f"{CHECKED} {word}" for word in words]))


MISTAKE = Mistake(
    slug="server-without-cookie",
    title="The server without a cookie",
    what="The pool keeps clients with a cookie, but one server line has no `cookie` value: it was added later.",
    why="Whoever meets one of the other servers stays there. The new machine keeps nobody, so after a while it serves "
    "first requests only, while everybody thinks the pool has grown. Its clients lose what it knew of them, too.",
    clients=("few", "zipf", "many", "kept-alive"),
    states=STATES,
    seen="New clients are spread evenly; clients that keep cookies are never seen on that server again.",
    mend="Give the server a cookie value of its own.",
    instead=_pool("cookie s1", "cookie s2", "cookie s3"),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-cookie",),
    decides="client",
    directives=("server cookie", "cookie"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "added-later",
            _pool("cookie s1", "cookie s2", ""),
            guilty="app3:8080",
            share={"few": {"app3": 0.0}, "zipf": {"app3": 0.04}},
            proxy="haproxy",
            within=0.05,
        ),
        Example(
            "returning",
            _pool("", "cookie s2", "cookie s3"),
            guilty="app1:8080",
            share={"many": {"app1": 1 / 9, "app2": 4 / 9, "app3": 4 / 9}},
            acquainted=True,
            proxy="haproxy",
            within=0.03,
        ),
    ),
    look_alikes=(
        LookAlike(
            "all-have-one",
            _pool("cookie s1", "cookie s2", "cookie s3"),
            "each keeps its clients",
            share={"many": EVEN},
            acquainted=True,
            proxy="haproxy",
        ),
        LookAlike(
            "made-up",
            _pool("", "", "", how="insert indirect nocache dynamic\ndynamic-cookie-key secret"),
            "HAProxy makes the values itself",
            share={"many": EVEN},
            acquainted=True,
            proxy="haproxy",
        ),
        LookAlike(
            "spare",
            _pool("cookie s1", "cookie s2", "backup"),
            "a spare is not for staying",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            proxy="haproxy",
        ),
    ),
)
