"""The fewest connections, where a broken server ends its own the soonest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, THREE, haproxy, servers
from autograder.mistakes.haproxy_health import asks_the_program, checked, retries_broken_answers, watches_answers
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``leastconn`` in pools whose checks see an open port and nothing else, where another pool is asked for a page.

    Without such a pool nobody can say that these servers have a page that tells how they are.
    """
    del capacity  # An error costs nothing, on any machine.
    asked = any(asks_the_program(pool) for pool in config.web_pools)
    for pool in config.web_pools if asked else ():
        if pool.balance is None or pool.algorithm != "leastconn" or len(pool.machines) < 2:
            continue
        if asks_the_program(pool) or retries_broken_answers(pool):
            continue
        if all(checked(server) and not watches_answers(server) for server in pool.serving):
            message = (
                "This line prefers the server with the fewest requests in work: one that answers every request with an "
                "error, at once, has the fewest, and no check of this pool notices."
            )
            yield finding(MISTAKE.slug, pool.name, pool.balance.words[:2], message, MISTAKE.mend)


_LEAST = "balance leastconn\n"
_RULES = "use_backend api if { path_beg /api/ }\ndefault_backend shop"
_API = f"backend api\n    option httpchk GET /\n    server web4 app4:8080 {CHECKED}\n"
_OBSERVED = f"{CHECKED} observe layer7 error-limit 5 on-error mark-down"

MISTAKE = Mistake(
    slug="errors-attract",
    title="Fast errors attract traffic",
    what="The pool uses `balance leastconn`, and its checks only see whether the port is open, while another "
    "pool of the config is asked for a page.",
    why="A server whose program is broken often answers 500 in no time, so it always has the fewest connections. It "
    "draws half to two thirds of the traffic, where round robin would lose a third.",
    clients=CLIENTS,
    states=("one-failing-fast",),
    seen="One server has the most requests, the shortest response time and all the 5xx in `show stat`.",
    mend="Let the check ask for a page that says whether the program works (`option httpchk`), or watch the answers "
    "(`observe layer7`).",
    instead=haproxy(f"{_LEAST}option httpchk GET /\n{THREE}"),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=(
        "https://docs.haproxy.org/2.8/configuration.html#4.2-balance",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-option%20httpchk",
        "HA-08",
    ),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "port-check",
            haproxy(_LEAST + THREE, _RULES, extra=_API),
            guilty="balance leastconn",
            share={"many": {"app2": 0.5}, "office": {"app2": 0.5}},
            state="one-failing-fast",
            failed=0.5,
            proxy="haproxy",
            within=0.15,  # how much faster an error is than a page depends on the machine
        ),
        Example(
            "inherited",
            haproxy(THREE, _RULES, defaults="balance leastconn", extra=_API),
            guilty="balance leastconn",
            share={"many": {"app1": 0.5}},
            state="one-failing-fast",
            victim="app1",
            failed=0.5,
            proxy="haproxy",
            within=0.15,
        ),
    ),
    look_alikes=(
        LookAlike(
            "asks-the-program",
            haproxy(f"{_LEAST}option httpchk GET /\n{THREE}"),
            "a check that gets an error takes the server out",
            proxy="haproxy",
        ),
        LookAlike(
            "watches-answers",
            haproxy(_LEAST + servers(_OBSERVED, _OBSERVED, _OBSERVED), _RULES, extra=_API),
            "five errors in a row, seen in the traffic itself, take the server out",
            proxy="haproxy",
        ),
        LookAlike(
            "round-robin",
            haproxy("balance roundrobin\n" + THREE, _RULES, extra=_API),
            "an error attracts nothing",
            proxy="haproxy",
        ),
        LookAlike(
            "no-page-known",
            haproxy(_LEAST + THREE),
            "nothing says that these servers have a page to ask for",
            proxy="haproxy",
        ),
        LookAlike(
            "database",
            haproxy(_LEAST + THREE, mode="tcp"),
            "connections of a database stay open, so a broken server does not look idle",
            proxy="haproxy",
        ),
    ),
)
