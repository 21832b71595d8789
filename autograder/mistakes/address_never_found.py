"""A server whose address nobody looks up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, EVEN, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding
from autograder.stack.proxies.nginx_addresses import literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``init-addr none`` on a server with a name and without ``resolvers``."""
    del capacity  # A server without an address has none.
    for pool in config.pools:
        for server in pool.servers if pool.used else ():
            said = server.settings.get("init-addr")
            if said is None or server.idle or "resolvers" in server.settings or literal(server.host):
                continue
            if said.value.split(",")[0] == "none" and not server.host.startswith("unix:"):
                message = (
                    f"With these words nobody ever looks up where {pool.label(server)} is, so it gets no request, "
                    "though it is listed."
                )
                yield finding(MISTAKE.slug, pool.name, said.words, message, MISTAKE.mend)


def _third(words: str) -> str:
    return servers(CHECKED, CHECKED, f"{CHECKED} {words}")


MISTAKE = Mistake(
    slug="address-never-found",
    title="An address nobody looks up",
    what="A server has a name for an address, `init-addr none`, and no `resolvers`.",
    why="`init-addr none` lets HAProxy start while a name is unknown, and wait for its resolvers to find it. Without "
    "resolvers it waits for ever: the server is in maintenance from the start, and the others carry its part.",
    clients=CLIENTS,
    states=STATES,
    seen="`show stat` says `MAINT (resolution)`; the machine itself is well and idle.",
    mend="Name a `resolvers` section on the server, or let it look once at the start (`init-addr last,libc,none`).",
    instead=haproxy(_third("init-addr last,libc,none")),
    versions="HAProxy since 1.7; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#5.2-init-addr",),
    decides="pool",
    directives=("server init-addr",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "one",
            haproxy(_third("init-addr none")),
            guilty="init-addr none",
            share={"many": {"app1": 0.5, "app2": 0.5, "app3": 0.0}, "office": {"app3": 0.0}},
            proxy="haproxy",
        ),
        Example(
            "all-but-one",
            haproxy(servers(CHECKED, f"{CHECKED} init-addr none", f"{CHECKED} init-addr none")),
            guilty="init-addr none",
            share={"many": {"app1": 1.0}},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "looked-up-once",
            haproxy(_third("init-addr last,libc,none")),
            "looked up at the start; `none` comes last, for the case that it is not found",
            share={"many": EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "resolvers",
            haproxy(
                _third("init-addr none resolvers here"), extra="resolvers here\n    nameserver local 127.0.0.1:53\n"
            ),
            "the resolvers will find it",
            proxy="haproxy",
        ),
    ),
)
