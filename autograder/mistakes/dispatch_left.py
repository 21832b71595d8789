"""A line that sends everything to one address, past the servers below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, EVEN, THREE, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``dispatch`` in a pool that has servers and no ``balance``, its own or inherited.

    With cookies it is the old way to let another balancer choose for new clients and keep those who return.
    """
    del capacity  # One machine is one machine.
    for pool in config.pools:
        if any("cookie" in server.settings for server in pool.servers):
            continue
        for line in pool.own("dispatch") if pool.used and pool.balance is None else ():
            message = (
                f"This line sends every request to {plain(line.values[0])}; the servers of this pool get none, "
                "although they are listed and up."
            )
            yield finding(MISTAKE.slug, pool.name, line.words, message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="dispatch-left",
    title="Dispatched past the servers",
    what="The pool has a `dispatch` line and servers, and no `balance` line, not even an inherited one.",
    why="`dispatch` is older than balancing: one address takes everything. Without `balance` it wins over the `server` "
    "lines, which look, and are checked, as if they were in use.",
    clients=CLIENTS,
    states=STATES,
    seen="In `show stat` all servers are UP with 0 sessions, while the backend has them all.",
    mend="Remove the `dispatch` line, and write `balance` in the pool or in the defaults.",
    instead=haproxy("balance roundrobin\n" + THREE),
    versions="HAProxy up to 3.4 (deprecated since 3.3, gone from 3.5); measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-dispatch",),
    decides="pool",
    directives=("dispatch",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "before-servers",
            haproxy("dispatch app1:8080\n" + THREE),
            guilty="dispatch app1:8080",
            share={"many": {"app1": 1.0, "app2": 0.0, "app3": 0.0}, "office": {"app1": 1.0}},
            proxy="haproxy",
        ),
        Example(
            "after-servers",
            haproxy(THREE + "\ndispatch app4:8080"),
            guilty="dispatch app4:8080",
            share={"kept-alive": {"app4": 1.0, "app1": 0.0}},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "balanced",
            haproxy("balance roundrobin\ndispatch app1:8080\n" + THREE),
            "with a `balance` line the servers are used",
            share={"many": EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "inherited",
            haproxy("dispatch app1:8080\n" + THREE, defaults="balance roundrobin"),
            "the defaults say how to balance",
            share={"many": EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "another-balancer-chooses",
            haproxy(
                "cookie SERVED insert indirect nocache\ndispatch app4:8080\n"
                + servers(*[f"{CHECKED} cookie s{n}" for n in (1, 2, 3)])
            ),
            "new clients go to another balancer, returning ones to their server",
            proxy="haproxy",
        ),
        LookAlike(
            "comment", haproxy("# dispatch app1:8080\n" + THREE), "a comment", share={"many": EVEN}, proxy="haproxy"
        ),
    ),
)
