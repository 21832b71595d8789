"""A hash of the page without its arguments: everything one page does is one key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.mistakes.constant_hash_key import CONSTANT, SITE
from autograder.mistakes.haproxy_example import THREE as CHECKED_THREE
from autograder.mistakes.haproxy_example import haproxy
from autograder.mistakes.haproxy_keys import hash_sample
from autograder.mistakes.mistake import ANY_ONE, CLIENTS, STATES, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig

PAGE = frozenset(("uri", "document_uri"))


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Hash keys that have the page in them, and nothing that differs between two requests for it."""
    del capacity  # One key is one server, whatever the machine.
    for upstream in config.upstreams:
        method = upstream.method
        if not upstream.used or method is None or len(upstream.serving) < 2:
            continue
        if upstream.key & PAGE and upstream.key <= PAGE | CONSTANT | SITE:
            message = (
                f"The key {plain(method.args[0].text)} leaves out what follows the question mark, so this line sends "
                "all requests for one page to one server, whatever they ask of it."
            )
            yield finding(MISTAKE.slug, upstream.name, (method.word, method.args[0]), message, MISTAKE.mend)


_THREE = "server app1:8080;\nserver app2:8080;\nserver app3:8080;"
_EVEN = {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}

_CACHE = re.compile(r"cache|cdn|varnish|squid|static|asset|media|image|img|storage|object|minio|s3", re.I)


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``balance uri`` without ``whole``; not in front of caches, nor with a ring, which shards them on purpose."""
    del capacity  # One key is one server, whatever the machine.
    for pool in config.web_pools:
        if pool.balance is None or len(pool.machines) < 2 or _CACHE.search(pool.name):
            continue
        if any(line.values[0] == "consistent" for line in pool.lines("hash-type")):
            continue
        whole = {"whole", "len", "depth"} & set(pool.balance.values)
        if (pool.algorithm == "uri" and not whole) or hash_sample(pool) == "path":
            message = (
                f"The key {plain(pool.balance.values[-1])} leaves out what follows the question mark, so this line "
                "sends all requests for one page to one server, whatever they ask of it."
            )
            yield finding(MISTAKE.slug, pool.name, pool.balance.words, message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="hash-without-arguments",
    title="A hash that forgets the arguments",
    what="The pool chooses the server by `hash $uri` or `balance uri`. That is the page without its arguments: "
    "`/search?q=lamp` and "
    "`/search?q=sofa` are one key.",
    why="A search, a checkout, an API behind one path: all of it lands on one server, mostly the most expensive page "
    "there is. Over many different pages the same line spreads well.",
    clients=CLIENTS,
    states=STATES,
    seen="Count requests per path: if one path carries much of the traffic, so does its server.",
    mend="Take the line away where any server can answer; where each keeps a part of a cache, hash on the whole "
    "request (`$request_uri`, `balance uri whole`), and a page that most people ask for still weighs on one server.",
    instead=nginx("hash $request_uri consistent;\n" + _THREE),
    versions="nginx since 1.7.2 (`hash`); measured with 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_core_module.html#var_uri",
        "NX-04",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-balance",
        "HA-02",
    ),
    decides="pool",
    directives=("hash", "balance uri"),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "checkout",
            nginx("hash $uri;\n" + _THREE),
            guilty="hash $uri",
            share={"many": {ANY_ONE: 1.0}, "office": {ANY_ONE: 1.0}},
            pages="checkout",
        ),
        Example(
            "with-host",
            nginx("hash $host$document_uri consistent;\n" + _THREE),
            guilty="hash $host$document_uri",
            share={"many": {ANY_ONE: 1.0}},
            pages="checkout",
        ),
        Example(
            "haproxy-uri",
            haproxy("balance uri\n" + CHECKED_THREE),
            guilty="balance uri",
            share={"many": {ANY_ONE: 1.0}, "office": {ANY_ONE: 1.0}},
            proxy="haproxy",
            pages="checkout",
        ),
        Example(
            "haproxy-path",
            haproxy("balance hash path\n" + CHECKED_THREE),
            guilty="balance hash path",
            share={"many": {ANY_ONE: 1.0}},
            proxy="haproxy",
            pages="checkout",
        ),
    ),
    look_alikes=(
        LookAlike(
            "whole-request",
            nginx("hash $request_uri;\n" + _THREE),
            "the arguments are in the key",
            share={"many": _EVEN, "office": _EVEN},
            pages="checkout",
        ),
        LookAlike(
            "with-arguments",
            nginx("hash $uri$is_args$args;\n" + _THREE),
            "the arguments are in the key",
            share={"office": _EVEN},
            pages="checkout",
        ),
        LookAlike("per-client", nginx("hash $uri$remote_addr;\n" + _THREE), "each client is a key of its own"),
        LookAlike("comment", nginx("# hash $uri;\n" + _THREE), "a comment", share={"many": _EVEN}, pages="checkout"),
        LookAlike(
            "haproxy-whole",
            haproxy("balance uri whole\n" + CHECKED_THREE),
            "the arguments are in the key",
            share={"many": _EVEN},
            proxy="haproxy",
            pages="checkout",
        ),
        LookAlike(
            "haproxy-caches",
            haproxy("balance uri\nhash-type consistent\n" + CHECKED_THREE),
            "each page has its place in one of the caches, and keeps it when one is added",
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-query",
            haproxy("balance hash url\n" + CHECKED_THREE),
            "the arguments are in the key",
            share={"office": _EVEN},
            proxy="haproxy",
            pages="checkout",
        ),
    ),
)
