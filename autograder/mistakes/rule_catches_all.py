"""A rule meant for some requests that takes them all to a smaller pool."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, EVEN, THREE, haproxy
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.haproxy_routes import Condition
    from autograder.mistakes.mistake import Capacity


_OF_THE_REQUEST = re.compile(
    r"(?:path|url|base|capture\.req)\w*|src|(?:req\.)?f?hdr(?:_\w+)?\(.*|(?:req\.)?cook\w*\(.*|hdr_\w+"
)


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``use_backend`` whose condition holds for (nearly) all, to a pool with fewer machines than the default has."""
    del capacity  # All is all.
    for front in config.sections.of_kind("frontend", "listen"):
        defaults = [line.values[0] for line in front.inherited("default_backend") if line.values]
        main = config.pool(defaults[-1] if defaults else front.name)
        if main is None or front.named("disabled"):
            continue
        for pool in config.pools:
            if pool is main or not pool.certain or len(pool.machines) >= len(main.machines):
                continue
            for route in pool.routes:
                here = route.front is front and route.line.name == "use_backend" and not route.for_operations
                if here and (route.always or (route.named and route.condition and _nearly_all(route.condition))):
                    message = (
                        f"The condition of this line is true for nearly every request, so {plain(pool.name)} gets "
                        f"them and {plain(main.name)}, which has more machines, next to none."
                    )
                    yield finding(MISTAKE.slug, pool.name, route.line.words, message, MISTAKE.mend)


def _nearly_all(condition: Condition) -> bool:
    """Whether it says only which addresses, pages or headers it is *not* for."""
    return condition.leaves_out and all(_OF_THE_REQUEST.fullmatch(test[0]) for test in condition.tests if test)


def _api(rules: str) -> str:
    return haproxy(
        THREE,
        f"{rules}\ndefault_backend shop",
        extra=f"backend api\n    option redispatch\n    server web4 app4:8080 {CHECKED}\n",
    )


_ALL_GONE = {"app4": 1.0, "app1": 0.0, "app2": 0.0, "app3": 0.0}

MISTAKE = Mistake(
    slug="rule-catches-all",
    title="A rule that catches everything",
    what="A `use_backend` rule was meant for some requests, but its condition is true for nearly all: a pattern "
    "`/` among the paths, `.*`, `0.0.0.0/0`, or a `!` too many.",
    why="Patterns of one ACL are alternatives: a single one that matches everything is enough. All traffic goes to the "
    "pool of the special case, which is mostly smaller, and the main pool is idle.",
    clients=CLIENTS,
    states=STATES,
    seen="In `show stat` the main pool has no sessions, and the pool of the special case has all of them.",
    mend="Let the condition name what the pool is for, and test it with a request that should not match.",
    instead=_api("acl is_api path_beg /api/\nuse_backend api if is_api"),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=(
        "https://docs.haproxy.org/2.8/configuration.html#4.2-use_backend",
        "https://docs.haproxy.org/2.8/configuration.html#7.1",
        "HA-27",
    ),
    decides="pool",
    directives=("use_backend",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "slash",
            _api("acl is_api path_beg /api /\nuse_backend api if is_api"),
            guilty="use_backend api if is_api",
            share={"many": _ALL_GONE, "office": _ALL_GONE},
            proxy="haproxy",
        ),
        Example(
            "everywhere",
            _api("use_backend api if { src 0.0.0.0/0 }"),
            guilty="use_backend api if { src 0.0.0.0/0 }",
            share={"many": _ALL_GONE},
            proxy="haproxy",
        ),
        Example(
            "turned-round",
            _api("acl is_api path_beg /api/\nuse_backend api if !is_api"),
            guilty="use_backend api if !is_api",
            share={"many": _ALL_GONE},
            proxy="haproxy",
        ),
        Example(
            "no-condition",
            _api("use_backend api"),
            guilty="use_backend api",
            share={"kept-alive": {"app4": 1.0}},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "front-page",
            _api("use_backend api if { path / }"),
            "`path /` is the front page and no other",
            proxy="haproxy",
        ),
        LookAlike(
            "both",
            _api("use_backend api if { path_beg / } { req.hdr(x-beta) -m found }"),
            "both must be true, and few requests have that header",
            share={"many": EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "larger-pool",
            haproxy(
                f"server old app4:8080 {CHECKED}",
                "use_backend new if { path_beg / }\ndefault_backend shop",
                extra="backend new\n    option redispatch\n"
                + "".join(f"    server web{n} app{n}:8080 {CHECKED}\n" for n in (1, 2, 3)),
            ),
            "a move to a larger pool, the old one kept for the way back",
            share={"many": EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "health",
            _api("use_backend api if { path_beg /healthz }"),
            "the health page",
            share={"many": EVEN},
            proxy="haproxy",
        ),
    ),
)
