"""A canary that dice send most of the traffic to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, THREE, haproxy
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.haproxy_routes import Term
    from autograder.mistakes.mistake import Capacity


_DICE = re.compile(r"rand\((\d{1,9})\)")
MOST = 0.5


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``use_backend`` for half the requests and more, by ``rand``, to a pool with fewer machines than the default's."""
    del capacity  # Machines are counted, as nothing says how strong a pool is as a whole.
    for pool in config.pools:
        for route in pool.routes:
            defaults = [line.values[0] for line in route.front.inherited("default_backend") if line.values]
            main = config.pool(defaults[-1]) if defaults else None
            if route.line.name != "use_backend" or route.condition is None or route.condition.unless or main is None:
                continue
            if main is pool or not pool.certain or len(pool.machines) >= len(main.machines):
                continue
            part = max((_part(terms[0]) for terms in route.condition.either if len(terms) == 1), default=0.0)
            if part >= MOST:
                message = (
                    f"This line sends {part:.0%} of the requests to {plain(pool.name)}, which has fewer machines than "
                    f"{plain(main.name)} that gets the rest."
                )
                yield finding(MISTAKE.slug, pool.name, route.line.words, message, MISTAKE.mend)


def _part(term: Term) -> float:
    """The part of requests that a throw of dice lets through; 0 for any other test."""
    for test in term.tests:
        dice = _DICE.fullmatch(test[0])
        words = [word for word in test[1:] if word not in ("-m", "int")]
        if dice and int(dice[1]) and len(words) == 2 and words[1].isdecimal() and len(words[1]) < 10:
            sides, number = int(dice[1]), int(words[1])
            below = {"lt": number, "le": number + 1, "ge": sides - number, "gt": sides - number - 1}.get(words[0], 0)
            part = min(max(below / sides, 0.0), 1.0)
            return 1 - part if term.negated else part
    return 0.0


def _canary(rule: str) -> str:
    return haproxy(
        THREE,
        f"{rule}\ndefault_backend shop",
        extra=f"backend canary\n    option redispatch\n    server web4 app4:8080 {CHECKED}\n",
    )


_MOST = {"app1": 0.05 / 3, "app2": 0.05 / 3, "app3": 0.05 / 3, "app4": 0.95}

MISTAKE = Mistake(
    slug="canary-takes-most",
    title="A canary the wrong way round",
    what="A rule sends a part of the requests to a small canary pool by chance (`rand(100)`), and the comparison is "
    "the wrong way round: 95 % for 5 %.",
    why="The canary is one machine with a version that nobody has tried, and it gets nearly everything. The large pool "
    "with the proven version waits.",
    clients=CLIENTS,
    states=STATES,
    seen="Compare the sessions of both pools in `show stat`: the small one has most of them.",
    mend="Turn the comparison round, so that the canary gets its few per cent.",
    instead=_canary("use_backend canary if { rand(100) lt 5 }"),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#7.3.2-rand",),
    decides="pool",
    directives=("use_backend",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "turned-round",
            _canary("use_backend canary if { rand(100) ge 5 }"),
            guilty="use_backend canary if { rand(100) ge 5 }",
            share={"many": _MOST, "office": _MOST},
            proxy="haproxy",
            within=0.05,  # dice are thrown for each request
        ),
        Example(
            "not-the-few",
            _canary("acl chosen rand(1000) lt 50\nuse_backend canary if !chosen"),
            guilty="use_backend canary if !chosen",
            share={"many": {"app4": 0.95}},
            proxy="haproxy",
            within=0.05,
        ),
    ),
    look_alikes=(
        LookAlike(
            "five",
            _canary("use_backend canary if { rand(100) lt 5 }"),
            "the canary gets its five per cent",
            share={"many": {"app4": 0.05}},
            proxy="haproxy",
            within=0.05,
        ),
        LookAlike(
            "some-only",
            _canary("use_backend canary if { rand(100) ge 5 } { req.hdr(x-beta) -m found }"),
            "of those who asked for the new version",
            share={"many": {"app4": 0.0}},
            proxy="haproxy",
        ),
        LookAlike(
            "end-of-the-rollout",
            haproxy(
                f"server web4 app4:8080 {CHECKED}",
                "use_backend new if { rand(100) lt 90 }\ndefault_backend shop",
                extra=f"backend new\n    option redispatch\n    server web1 app1:8080 {CHECKED}\n"
                f"    server web2 app2:8080 {CHECKED}\n    server web3 app3:8080 {CHECKED}\n",
            ),
            "the new version has most of the machines by now",
            proxy="haproxy",
        ),
    ),
)
