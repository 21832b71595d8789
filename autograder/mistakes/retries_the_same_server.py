"""Retries that ask the broken server again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, THREE, haproxy, servers
from autograder.mistakes.haproxy_health import asks_the_program
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


_BROKEN = ("500", "502", "503", "504", "all-retryable-errors")


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``retry-on`` an error status without ``option redispatch``, where no check takes the server out."""
    del capacity  # A broken program serves nobody, on any machine.
    for pool in config.web_pools:
        said = pool.lines("retry-on")
        if (
            not said
            or pool.section.option("redispatch") is not None
            or len(pool.machines) < 2
            or asks_the_program(pool)
        ):
            continue
        if any(value in _BROKEN for value in said[-1].values):
            message = (
                "With this line a request that got an error is sent again to the server that gave it: a broken server "
                "gets its part of the requests four times over, and the clients see the error after all."
            )
            yield finding(MISTAKE.slug, pool.name, said[-1].words, message, MISTAKE.mend)


def _retry(option: str) -> str:
    return haproxy("retry-on 500 503\n" + servers(CHECKED, CHECKED, CHECKED, option=option))


MISTAKE = Mistake(
    slug="retries-the-same-server",
    title="Asking the same server again",
    what="`retry-on` says to try again after an error, and there is no `option redispatch`.",
    why="Retries go to the server that was chosen first. If that one is broken, all of them fail, the client sees the "
    "error anyway, and the broken server carries the traffic of four.",
    clients=CLIENTS,
    states=("one-failing-fast",),
    seen="`wretr` in `show stat` grows on one server while its errors reach the clients.",
    mend="Add `option redispatch`, so that the last try goes to another server.",
    instead=_retry("option redispatch"),
    versions="HAProxy since 2.0 (`retry-on`); measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-retry-on",),
    decides="failure",
    directives=("retry-on",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "statuses",
            _retry(""),
            guilty="retry-on 500 503",
            share={"many": {"app2": 1 / 3}, "office": {"app2": 1 / 3}},
            state="one-failing-fast",
            failed=1 / 3,
            proxy="haproxy",
        ),
        Example(
            "inherited",
            haproxy(servers(CHECKED, CHECKED, CHECKED, option=""), defaults="retry-on all-retryable-errors"),
            guilty="retry-on all-retryable-errors",
            share={"many": {"app3": 1 / 3}},
            state="one-failing-fast",
            victim="app3",
            failed=1 / 3,
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "elsewhere",
            _retry("option redispatch"),
            "the last try goes to another server, and nobody sees the error",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
            state="one-failing-fast",
            proxy="haproxy",
            within=0.02,
        ),
        LookAlike(
            "connections",
            haproxy("retry-on conn-failure\n" + THREE),
            "only what never reached a server is tried again",
            proxy="haproxy",
        ),
    ),
)
