"""A limit of a connection or two, left on one server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.capacity import declared
from autograder.mistakes.haproxy_example import CHECKED, EVEN, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


TINY = 2


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``maxconn`` 1 or 2 on one server of a pool whose others have no limit, unless it is declared to be weak."""
    for pool in config.web_pools:
        limited = [server for server in pool.serving if "maxconn" in server.settings]
        if len(limited) != 1 or len(pool.machines) < 2 or not 0 < limited[0].number("maxconn", 0) <= TINY:
            continue
        server = limited[0]
        strength = [declared(other, capacity) or 0 for other in pool.serving if other is not server]
        mine = declared(server, capacity)
        if mine is None or mine >= 0.5 * max(strength):
            said = server.settings["maxconn"]
            message = (
                f"These words let {pool.label(server)} have {said.value} request{'s' * (said.value != '1')} in work: "
                "under load the others take over what it might have done."
            )
            yield finding(MISTAKE.slug, pool.name, said.words, message, MISTAKE.mend)


def _limit(words: str) -> str:
    return servers(f"{CHECKED} {words}", CHECKED, CHECKED)


MISTAKE = Mistake(
    slug="one-tiny-limit",
    title="A limit left on one server",
    what="One server has `maxconn 1` or `maxconn 2`, and the others have no limit: mostly left over from a debugging "
    "session.",
    why="With little traffic nothing shows. Under load its requests wait in a queue while it handles one, and the "
    "others carry what it does not: with 16 requests in flight it does a tenth instead of a third.",
    clients=CLIENTS,
    states=STATES,
    seen="`show stat` shows a queue (`qcur`, `qmax`) on one server only; its machine is idle.",
    mend="Remove the limit, or give every server one that fits its machine.",
    instead=haproxy(_limit("")),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#5.2-maxconn", "HA-34"),
    decides="server",
    directives=("server maxconn",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "one",
            haproxy(_limit("maxconn 1")),
            guilty="maxconn 1",
            share={"many": {"app1": 0.11, "app2": 0.445, "app3": 0.445}},
            proxy="haproxy",
            concurrency=16,
            within=0.03,
        ),
        Example(
            "least-connections",
            haproxy("balance leastconn\noption httpchk GET /\n" + _limit("maxconn 1")),
            guilty="maxconn 1",
            share={"office": {"app1": 0.11}},
            proxy="haproxy",
            concurrency=16,
            within=0.05,
        ),
    ),
    look_alikes=(
        LookAlike(
            "everywhere",
            haproxy(servers(*[f"{CHECKED} maxconn 2"] * 3)),
            "the same limit for all keeps them even",
            share={"many": EVEN},
            proxy="haproxy",
            concurrency=16,
        ),
        LookAlike(
            "weak",
            haproxy(_limit("maxconn 1")),
            "the machine is declared to be weak",
            capacity={"app1": 1, "app2": 8, "app3": 8},
            proxy="haproxy",
        ),
        LookAlike(
            "roomy",
            haproxy(_limit("maxconn 500")),
            "a limit that is seldom reached",
            share={"many": EVEN},
            proxy="haproxy",
        ),
    ),
)
