"""A check that is described and never begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.haproxy_health import check_option, checked
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


_PARAMETERS = ("inter", "fall", "rise", "fastinter", "downinter")


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Pools that say how to check servers (``option httpchk``, ``inter``, ``fall``), none of which has ``check``."""
    del capacity  # A dead machine has none.
    for pool in config.web_pools:
        if len(pool.machines) < 2 or any(checked(server) for server in pool.serving):
            continue
        option = check_option(pool)
        said = (server.settings[name] for server in pool.serving for name in _PARAMETERS if name in server.settings)
        first = next(said, None)
        words = option.words[:2] if option else first.words if first else ()
        if words and not any("resolvers" in server.settings for server in pool.serving):
            message = (
                "This line says how to look whether a server is well, and no server line of this pool asks for it: a "
                "dead or broken server keeps its part of the requests."
            )
            yield finding(MISTAKE.slug, pool.name, words, message, MISTAKE.mend)


_WEB = "option httpchk GET /\n"

MISTAKE = Mistake(
    slug="checks-not-started",
    title="Checks that never begin",
    what="The pool says how to check (`option httpchk`, or `inter`, `fall`, `rise` on its servers), but no server line "
    "has the word `check`.",
    why="All of that only describes the check; `check` begins it. HAProxy accepts the config without a warning, holds "
    "every server for up, and sends a third of the people to one that is dead or answers errors.",
    clients=CLIENTS,
    states=("one-down", "one-failing-fast"),
    seen="`show stat` says `no check` for every server, and its log never mentions a server going DOWN.",
    mend="Add `check` to the servers, or to a `default-server` line above them.",
    instead=haproxy(_WEB + servers(CHECKED, CHECKED, CHECKED)),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=(
        "https://docs.haproxy.org/2.8/configuration.html#4.2-option%20httpchk",
        "https://docs.haproxy.org/2.8/configuration.html#5.2-check",
        "HA-18",
        "HA-19",
    ),
    decides="failure",
    directives=("option httpchk", "server check"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "broken-program",
            haproxy(_WEB + servers("", "", "")),
            guilty="option httpchk",
            share={"many": {"app2": 1 / 3}, "office": {"app2": 1 / 3}},
            state="one-failing-fast",
            failed=1 / 3,
            proxy="haproxy",
        ),
        Example(
            "dead",
            haproxy(servers("inter 100ms fall 2", "inter 100ms fall 2", "inter 100ms fall 2", option="")),
            guilty="inter 100ms",
            share={"many": {"app1": 1 / 3, "app2": 0.0, "app3": 1 / 3}},
            state="one-down",
            failed=1 / 3,
            proxy="haproxy",
            concurrency=12,
        ),
        Example(
            "inherited",
            haproxy(servers("", "", ""), defaults=_WEB),
            guilty="option httpchk",
            share={"many": {"app3": 1 / 3}},
            state="one-failing-fast",
            victim="app3",
            failed=1 / 3,
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "begun",
            haproxy(f"{_WEB}default-server {CHECKED}\n{servers('', '', '')}"),
            "`default-server` begins the check of all",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
            state="one-down",
            proxy="haproxy",
        ),
        LookAlike(
            "no-checks-meant",
            haproxy(servers("", "", "")),
            "nothing here says that servers should be checked",
            proxy="haproxy",
        ),
        LookAlike(
            "tracked",
            haproxy(
                f"{_WEB}server web1 app1:8080 track probe/one\nserver web2 app2:8080 track probe/two",
                extra=f"backend probe\n    option httpchk GET /\n    server one app1:8080 {CHECKED}\n"
                f"    server two app2:8080 {CHECKED}",
            ),
            "the servers follow the checks of another pool",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            proxy="haproxy",
        ),
    ),
)
