"""Servers that HAProxy never looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, THREE, haproxy, servers
from autograder.mistakes.haproxy_health import check_option, checked, redispatches
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


_PARAMETERS = ("inter", "fall", "rise", "fastinter", "downinter", "port")


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Servers without ``check`` in a pool that does not try another server either; one finding for a pool.

    Pools that say how to check, and do not, are another mistake (``checks-not-started``).
    """
    del capacity  # A dead machine has none.
    for pool in config.web_pools:
        blind = [server for server in pool.serving if not (checked(server) or server.local)]
        blind = [server for server in blind if "resolvers" not in server.settings]
        if len(pool.machines) < 2 or not blind or redispatches(pool):
            continue
        told = check_option(pool) is not None or any(name in s.settings for s in blind for name in _PARAMETERS)
        said = pool.lines("retries")
        if (told and len(blind) == len(pool.serving)) or (said and said[-1].values[0] == "0"):
            continue
        server = blind[0]
        message = (
            f"HAProxy never looks whether {pool.label(server)} is there: when it is dead, this line still gets its "
            "part of the requests, and they fail."
        )
        yield finding(MISTAKE.slug, pool.name, (server.word,), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="never-checked",
    title="Nobody looks whether it is there",
    what="A `server` line has no `check`, and there is no `option redispatch`.",
    why="Without `check` HAProxy holds a server for up whatever happens. A dead one keeps its part of the traffic, and "
    "each of those requests waits for the retries and then gets a 503: with three servers, every third.",
    clients=CLIENTS,
    states=("one-down",),
    seen="`show stat` says `no check` instead of UP; stop a server, and count 503.",
    mend="Write `check` on every server, or once on `default-server`, and let the last retry go elsewhere with "
    "`option redispatch`.",
    instead=haproxy(THREE),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=(
        "https://docs.haproxy.org/2.8/configuration.html#5.2-check",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-option%20redispatch",
        "HA-18",
    ),
    decides="failure",
    directives=("server check",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "none",
            haproxy(servers("", "", "", option="")),
            guilty="app1:8080",
            share={"many": {"app1": 1 / 3, "app2": 0.0, "app3": 1 / 3}},
            state="one-down",
            failed=1 / 3,
            proxy="haproxy",
            concurrency=12,
        ),
        Example(
            "one-forgotten",
            haproxy(servers(CHECKED, CHECKED, "", option="")),
            guilty="app3:8080",
            share={"many": {"app1": 1 / 3, "app2": 1 / 3, "app3": 0.0}},
            state="one-down",
            victim="app3",
            failed=1 / 3,
            proxy="haproxy",
            concurrency=12,
        ),
    ),
    look_alikes=(
        LookAlike(
            "default-server",
            haproxy(f"default-server {CHECKED}\n{servers('', '', '')}"),
            "the check is written once, for all",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
            state="one-down",
            proxy="haproxy",
        ),
        LookAlike(
            "redispatched",
            haproxy(servers("", "", "")),
            "the last try goes to another server: slow, but nothing fails",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
            state="one-down",
            proxy="haproxy",
            concurrency=12,
        ),
        LookAlike(
            "not-for-clients",
            haproxy(
                THREE,
                "use_backend stats if { path_beg /stats }\ndefault_backend shop",
                extra="backend stats\n    server s1 app1:8080\n    server s2 app2:8080",
            ),
            "the statistics page is for the people who run the site",
            proxy="haproxy",
        ),
    ),
)
