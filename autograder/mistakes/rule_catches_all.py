"""A rule meant for some requests that takes them all to a smaller pool."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, EVEN, THREE, haproxy
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.mistake import THREE as PLAIN_THREE
from autograder.mistakes.nginx_choices import routing
from autograder.mistakes.nginx_config import plain, variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.haproxy_routes import Condition, Term
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


_OF_THE_REQUEST = re.compile(
    r"(?:path|url|base|capture\.req)\w*|src|(?:req\.)?f?hdr(?:_\w+)?\(.*|(?:req\.)?cook\w*\(.*|hdr_\w+"
)


_ALIVE = re.compile(r"nbsrv\(([^)]+)\)")
_COMPARED = {"lt": operator.lt, "le": operator.le, "eq": operator.eq, "ge": operator.ge, "gt": operator.gt}
_EVERYTHING = re.compile(r"~\*?\^?/?(?:\.[*+]?)?|~\*?\^?/?\.[*+]\$")
_PATHS = frozenset(("uri", "request_uri", "document_uri"))


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """A line of a ``map`` whose pattern fits everything, to a pool with fewer machines than its ``default`` has."""
    del capacity  # All is all.
    for choice in (choice for all_of_it, _ in routing(config) for choice in all_of_it):
        main = next((config.upstream(e.host) for e in choice.entries if e.pattern.text == "default"), None)
        if choice.kind != "map" or choice.source is None or main is None:
            continue
        for entry in choice.entries:
            pool = config.upstream(entry.host)
            wanted = _PATHS if "/" in entry.pattern.text else None
            here = wanted is None or bool(variables(choice.source.text) & wanted)
            if pool and here and _EVERYTHING.fullmatch(entry.pattern.text) and len(pool.machines) < len(main.machines):
                message = (
                    f"The pattern {plain(entry.pattern.text)} fits every request, so {plain(pool.name)} gets what no "
                    f"line above it takes, and {plain(main.name)}, which has more machines, is never the default."
                )
                yield finding(MISTAKE.slug, pool.name, (entry.pattern, entry.value), message, MISTAKE.mend)


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
                told = route.named and route.condition
                if here and (route.always or (told and (_nearly_all(told) or _while_all_are_up(told, config)))):
                    message = (
                        f"The condition of this line is true for nearly every request, so {plain(pool.name)} gets "
                        f"them and {plain(main.name)}, which has more machines, next to none."
                    )
                    yield finding(MISTAKE.slug, pool.name, route.line.words, message, MISTAKE.mend)


def _nearly_all(condition: Condition) -> bool:
    """Whether it says only which addresses, pages or headers it is *not* for."""
    return condition.leaves_out and all(_OF_THE_REQUEST.fullmatch(test[0]) for test in condition.tests if test)


def _while_all_are_up(condition: Condition, config: HaproxyConfig) -> bool:
    """Whether it counts the living servers of a pool, and is true as long as none of them is down."""
    return not condition.unless and any(len(terms) == 1 and _counts_all(terms[0], config) for terms in condition.either)


def _counts_all(term: Term, config: HaproxyConfig) -> bool:
    for test in term.tests:
        alive = _ALIVE.fullmatch(test[0])
        words = [word for word in test[1:] if word not in ("-m", "int")]
        pool = config.pool(alive[1]) if alive else None
        if pool and len(words) == 2 and words[0] in _COMPARED and re.fullmatch("[0-9]{1,5}", words[1]):
            return bool(_COMPARED[words[0]](len(pool.serving), int(words[1]))) != term.negated
    return False


def _api(rules: str) -> str:
    return haproxy(
        THREE,
        f"{rules}\ndefault_backend shop",
        extra=f"backend api\n    option redispatch\n    server web4 app4:8080 {CHECKED}\n",
    )


def _map(lines: str, source: str = "$uri") -> str:
    http = f"upstream api {{ server app4:8080; }}\n    map {source} $pool {{ {lines} }}"
    return nginx(PLAIN_THREE, "proxy_pass http://$pool;", http=http)


_ALL_GONE = {"app4": 1.0, "app1": 0.0, "app2": 0.0, "app3": 0.0}

MISTAKE = Mistake(
    slug="rule-catches-all",
    title="A rule that catches everything",
    what="A `use_backend` rule, or a line of nginx's `map`, was meant for some requests, but is true for nearly all: a "
    "pattern `/` among the paths, `.*`, `0.0.0.0/0`, a `!` too many, or a count of servers that they always reach.",
    why="Patterns of one ACL are alternatives: a single one that matches everything is enough. All traffic goes to the "
    "pool of the special case, which is mostly smaller, and the main pool is idle.",
    clients=CLIENTS,
    states=STATES,
    seen="In `show stat` the main pool has no sessions, and the pool of the special case has all of them.",
    mend="Let the condition name what the pool is for, and test it with a request that should not match.",
    instead=_api("acl is_api path_beg /api/\nuse_backend api if is_api"),
    versions="all HAProxy versions; measured with 2.8.25; nginx since 0.9.6 (patterns in `map`), measured with 1.31.3",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_map_module.html#map",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-use_backend",
        "https://docs.haproxy.org/2.8/configuration.html#7.1",
        "HA-27",
    ),
    decides="pool",
    directives=("use_backend", "map"),
    readers={"haproxy": in_haproxy, "nginx": in_nginx},
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
        Example(
            "while-any-lives",
            _api("use_backend api if { nbsrv(shop) gt 0 }"),
            guilty="use_backend api if { nbsrv(shop) gt 0 }",
            share={"many": _ALL_GONE},
            proxy="haproxy",
        ),
        Example(
            "unless-none-lives",
            _api("use_backend api if !{ nbsrv(shop) lt 1 }"),
            guilty="use_backend api if !{ nbsrv(shop) lt 1 }",
            share={"many": _ALL_GONE},
            proxy="haproxy",
        ),
        Example(
            "as-many-as-there-are",
            _api("acl weak nbsrv(shop) le 3\nuse_backend api if weak"),
            guilty="use_backend api if weak",
            share={"many": _ALL_GONE},
            proxy="haproxy",
        ),
        Example(
            "nginx-slash",
            _map("default shop; ~^/ api;"),
            guilty="~^/ api",
            share={"many": _ALL_GONE, "office": _ALL_GONE},
        ),
        Example(
            "nginx-any-agent",
            _map("~Bot shop; ~*.* api; default shop;", "$http_user_agent"),
            guilty="~*.* api",
            share={"many": _ALL_GONE},
        ),
    ),
    look_alikes=(
        LookAlike(
            "none-left",
            _api("use_backend api if { nbsrv(shop) lt 1 }"),
            "only when nobody is left",
            share={"many": EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "not-one-left",
            _api("use_backend api if !{ nbsrv(shop) ge 1 }"),
            "only when nobody is left",
            share={"many": EVEN},
            proxy="haproxy",
        ),
        LookAlike("nginx-some", _map("default shop; ~^/api/ api;"), "one folder", share={"many": EVEN}),
        LookAlike("nginx-front-page", _map("default shop; ~^/$ api;"), "the front page and no other"),
        LookAlike(
            "nginx-slash-in-name",
            _map("default shop; ~/ api;", "$cookie_session"),
            "few names of sessions have a slash",
            share={"many": EVEN},
        ),
        LookAlike(
            "nginx-larger",
            nginx(
                "server app4:8080;\nserver app3:8080;",
                "proxy_pass http://$pool;",
                http="upstream new { server app1:8080; server app2:8080; server app3:8080; }\n"
                "    map $uri $pool { default shop; ~. new; }",
            ),
            "a move to a larger pool, the old one kept for the way back",
            share={"many": EVEN},
        ),
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
