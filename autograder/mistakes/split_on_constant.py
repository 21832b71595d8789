"""A split of the clients by something they all share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.constant_hash_key import CONSTANT, SITE
from autograder.mistakes.mistake import (
    ANY_ONE,
    CLIENTS,
    EVEN,
    STATES,
    THREE,
    Example,
    LookAlike,
    Mistake,
    finding,
    nginx,
)
from autograder.mistakes.nginx_choices import routing
from autograder.mistakes.nginx_config import plain
from autograder.mistakes.nginx_keys import followed, made_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``split_clients`` over a constant, where a line sends requests by its variable."""
    del capacity  # All in one part is too much for any machine.
    known = followed(config) if config.settings("split_clients") else {}
    for choice, lines in ((choice, lines) for all_of_it, lines in routing(config) for choice in all_of_it):
        if choice.kind != "split_clients" or choice.source is None or len(choice.entries) < 2:
            continue
        names = {name for line in lines for name in line.server_names}
        many = any(name.startswith(("~", ".")) or "*" in name for name in names)
        constant = CONSTANT if many or len(names) > len(choice.entries) * 5 else CONSTANT | SITE
        key = made_of(choice.source.text, known)
        if key.names <= constant and not key.several:
            message = (
                f"The key {plain(choice.source.text)} is the same for nearly every request, so this line puts nearly "
                "all of them into one of its parts."
            )
            yield finding(MISTAKE.slug, "", (choice.statement.word, choice.source), message, MISTAKE.mend)


_POOLS = "\n    ".join(
    f"upstream {name} {{ server app{n}:8080; }}" for n, name in enumerate(("one", "two", "three"), 1)
)


def _split(key: str, server: str = "") -> str:
    parts = f'{_POOLS}\n    split_clients "{key}" $pool {{ 33.3% one; 33.3% two; * three; }}'
    return nginx(THREE, "proxy_pass http://$pool;", http=parts, server=server)


MISTAKE = Mistake(
    slug="split-on-constant",
    title="A split by something all clients share",
    what="`split_clients` deals requests out by a key, and the key (`$host`, `$scheme` …) is the same for all of them.",
    why="The percentages look like shares and are not: one key falls into one part, always the same. The other parts "
    "get nothing.",
    clients=CLIENTS,
    states=STATES,
    seen="Log the variable of the split: it has one value.",
    mend="Split by something that differs between clients (to keep each where it is) or between requests "
    "(`$request_id`).",
    instead=nginx(THREE),
    versions="nginx since 0.8.37 (`split_clients`); measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_split_clients_module.html", "NX-27"),
    decides="pool",
    directives=("split_clients",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "host",
            _split("$host", "server_name shop.example www.shop.example;"),
            guilty='split_clients "$host"',
            share={"many": {ANY_ONE: 1.0}, "office": {ANY_ONE: 1.0}},
        ),
        Example(
            "scheme-and-port",
            _split("${scheme}:$server_port"),
            guilty='split_clients "${scheme}:$server_port"',
            share={"many": {ANY_ONE: 1.0}},
        ),
        Example(
            "handed-on",
            _split("$site", "set $site $host;"),
            guilty='split_clients "$site"',
            share={"many": {ANY_ONE: 1.0}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "per-request-handed-on",
            _split("$who", "set $who $request_id;"),
            "the variable has the request's id",
            share={"many": EVEN},
        ),
        LookAlike("per-request", _split("$request_id"), "each request has an id", share={"many": EVEN, "office": EVEN}),
        LookAlike("per-client", _split("$remote_addr"), "each client stays in its part", share={"many": EVEN}),
        LookAlike("many-sites", _split("$host", "server_name *.shops.example;"), "a site for each tenant"),
        LookAlike(
            "not-for-routing",
            nginx(
                THREE, http='split_clients "$host" $colour { 50% red; * blue; }', server="add_header X-Colour $colour;"
            ),
            "no request is sent anywhere by it",
            share={"many": EVEN},
        ),
    ),
)
