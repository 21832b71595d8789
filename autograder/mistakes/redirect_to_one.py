"""Clients are told to go to one machine of the pool themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain, split_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


_HOST = re.compile(r"https?://([^/$?]+)", re.IGNORECASE)


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``return 30x`` and ``rewrite`` to the address of a pool's member."""
    del capacity  # One of the pool is not the pool.
    members = {server.host.lower(): u for u in config.upstreams if u.used for server in u.servers}
    names = {name.text.lower() for site in config.sites for name in site.names}
    for statement in config.settings("return", "rewrite"):
        for word in statement.args[:2]:
            match = _HOST.match(word.text)
            host = split_port(match[1].lower())[0] if match else ""
            upstream = members.get(host)
            if upstream and len(upstream.machines) > 1 and host not in names:
                message = (
                    f"This line tells clients to go to {plain(host)} themselves: one machine, past the pool "
                    f"{plain(upstream.name)}."
                )
                yield finding(MISTAKE.slug, upstream.name, (statement.word, *statement.args), message, MISTAKE.mend)


_NOBODY = {"app1": 0.0, "app2": 0.0, "app3": 0.0}

MISTAKE = Mistake(
    slug="redirect-to-one",
    title="A redirect past the balancer",
    what="`return 301` or `rewrite` sends clients to the address of one machine of the pool.",
    why="From then on browsers talk to that machine directly. The balancer sees them no more, so it neither shares the "
    "load out nor helps when the machine dies; a 301 is remembered for a long time, even after the line is gone.",
    clients=CLIENTS,
    states=STATES,
    seen="`curl -I` shows a `Location` with the name of one machine; the pool has no requests.",
    mend="Redirect to the name of the site, never to that of a machine.",
    instead=nginx(THREE, server="location = /old { return 301 /new; }"),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_rewrite_module.html#return", "NX-24"),
    decides="pool",
    directives=("return", "rewrite"),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "return",
            nginx(THREE, server="location ~ ^/ { return 302 http://app1:8080$request_uri; }"),
            guilty="return 302 http://app1:8080$request_uri",
            share={"many": _NOBODY, "office": _NOBODY},
        ),
        Example(
            "rewrite",
            nginx(THREE, "rewrite ^(.*)$ http://app2:8080$1 redirect; proxy_pass http://shop;"),
            guilty="rewrite ^(.*)$ http://app2:8080$1 redirect",
            share={"many": _NOBODY},
        ),
    ),
    look_alikes=(
        LookAlike(
            "site",
            nginx(THREE, server="location = /old { return 301 https://shop.example/new; }"),
            "the name of the site",
            share={"many": EVEN},
        ),
        LookAlike(
            "other-machine",
            nginx(THREE, server="location /files { return 302 http://files.example$request_uri; }"),
            "a machine that is in no pool",
        ),
    ),
)
