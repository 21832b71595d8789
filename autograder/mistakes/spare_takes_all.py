"""A fallback that begins when the first server dies, with a smaller pool."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, EVEN, THREE, haproxy
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig, Pool
    from autograder.mistakes.haproxy_routes import Term
    from autograder.mistakes.mistake import Capacity


_ALIVE = re.compile(r"nbsrv\(([^)]+)\)")
_BELOW = {"lt": 0, "le": 1}
_FROM = {"ge": 0, "gt": 1}


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``use_backend`` if fewer than all servers of a pool are alive, to one with fewer than that pool has left."""
    del capacity  # The spare pool is counted in machines, as the others are.
    for spare in config.pools:
        for route in spare.routes:
            if route.line.name != "use_backend" or route.condition is None or route.condition.unless:
                continue
            for terms in route.condition.either:
                pool, least = _threshold(terms[0], config) if len(terms) == 1 else (None, 0)
                if pool is None or pool is spare or not spare.certain:
                    continue
                left = len(pool.serving) - 1
                # True already while all are up: that is another mistake, rule-catches-all.
                if left < least <= left + 1 and len(spare.machines) < left:
                    message = (
                        f"As soon as one of the {left + 1} servers of {plain(pool.name)} is down, this line sends "
                        f"every request to {plain(spare.name)}, which has fewer than the {left} that are left."
                    )
                    yield finding(MISTAKE.slug, spare.name, route.line.words, message, MISTAKE.mend)


def _threshold(term: Term, config: HaproxyConfig) -> tuple[Pool | None, int]:
    """The pool whose living servers a term counts, and with how many it is not yet true; None if it counts none."""
    for test in term.tests:
        alive = _ALIVE.fullmatch(test[0])
        words = [word for word in test[1:] if word not in ("-m", "int")]
        if alive and len(words) == 2 and words[1].isdecimal() and len(words[1]) < 6:
            operators = _FROM if term.negated else _BELOW
            if words[0] in operators:
                return config.pool(alive[1]), int(words[1]) + operators[words[0]]
    return None, 0


def _spare(rule: str) -> str:
    return haproxy(
        THREE,
        f"{rule}\ndefault_backend shop",
        extra=f"backend spare\n    option redispatch\n    server web4 app4:8080 {CHECKED}\n",
    )


MISTAKE = Mistake(
    slug="spare-takes-all",
    title="A fallback at the first death",
    what="A rule sends all traffic to a spare pool when fewer than N servers are alive (`nbsrv(shop) lt 3`), where N "
    "is all there are and the spare pool is smaller than what is left.",
    why="One server dies, two healthy ones are left, and everything goes to the spare machine. It was sized for a "
    "sorry page or an emergency, meets the whole load at once, and falls over: one death has become an outage.",
    clients=CLIENTS,
    states=("one-down",),
    seen="Stop one server: the sessions of the other healthy ones drop to 0 in `show stat`.",
    mend="Fall back when too few are left to carry the load, not when the first is gone (`nbsrv(shop) lt 1`).",
    instead=_spare("use_backend spare if { nbsrv(shop) lt 1 }"),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#7.3.2-nbsrv",),
    decides="failure",
    directives=("use_backend",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "fewer-than-all",
            _spare("acl weak nbsrv(shop) lt 3\nuse_backend spare if weak"),
            guilty="use_backend spare if weak",
            share={"many": {"app1": 0.0, "app2": 0.0, "app3": 0.0, "app4": 1.0}, "office": {"app4": 1.0}},
            state="one-down",
            proxy="haproxy",
        ),
        Example(
            "unless-all",
            _spare("use_backend spare if !{ nbsrv(shop) ge 3 }"),
            guilty="use_backend spare if !{ nbsrv(shop) ge 3 }",
            share={"many": {"app1": 0.0, "app4": 1.0}},
            state="one-down",
            victim="app3",
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "none-left",
            _spare("use_backend spare if { nbsrv(shop) lt 1 }"),
            "only when nobody is left",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5, "app4": 0.0}},
            state="one-down",
            proxy="haproxy",
        ),
        LookAlike(
            "one-left",
            _spare("use_backend spare if { nbsrv(shop) lt 2 }"),
            "when one of three is left, one spare carries as much",
            share={"many": {"app1": 0.5, "app3": 0.5, "app4": 0.0}},
            state="one-down",
            proxy="haproxy",
        ),
        LookAlike(
            "other-site",
            haproxy(
                f"server web1 app1:8080 {CHECKED}\nserver web2 app2:8080 {CHECKED}",
                "use_backend second if { nbsrv(shop) lt 2 }\ndefault_backend shop",
                extra=f"backend second\n    server web3 app3:8080 {CHECKED}\n    server web4 app4:8080 {CHECKED}\n",
            ),
            "the second site is as large as the first",
            share={"many": {"app3": 0.5, "app4": 0.5}},
            state="one-down",
            proxy="haproxy",
        ),
        LookAlike(
            "even", _spare("use_backend spare if { nbsrv(shop) lt 1 }"), "all up", share={"many": EVEN}, proxy="haproxy"
        ),
    ),
)
