"""The client itself says which machine gets its request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


_SAID = re.compile(r"(arg|http|cookie)_(?!host$)\w+")


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``proxy_pass`` to an argument, a header or a cookie as it came."""
    del capacity  # Any machine at all.
    guarded = {arg.text.strip("(") for s in config.settings("if") for arg in s.args}
    for line in config.passes:
        said = [name for name in line.variables if _SAID.fullmatch(name)]
        if said and not line.for_operations and f"${said[0]}" not in guarded:
            message = (
                f"This line sends a request wherever ${plain(said[0])} says: the client chooses the machine, and one "
                "that says nothing gets an error."
            )
            yield finding(MISTAKE.slug, "", (line.word, line.target), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="pool-from-request",
    title="The client chooses the server",
    what="The target of `proxy_pass` is an argument, a header or a cookie, taken as it comes.",
    why="A new visitor sends none, and gets an error. Whoever does send one chooses the machine: one loop is enough to "
    "put all load on one server, or to reach machines that nobody was meant to reach.",
    clients=CLIENTS,
    states=STATES,
    seen="The error log says `no host in upstream`; clients that keep no cookies always fail.",
    mend="Translate what the client says by a `map` that knows the pools, with the usual pool as its `default`.",
    instead=nginx(
        THREE,
        "proxy_pass http://$pool;",
        http="map $cookie_pool $pool { default shop; green shop; }",
    ),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass", "NX-44"),
    decides="pool",
    directives=("proxy_pass",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "cookie",
            nginx(THREE, "proxy_pass http://$cookie_pool;"),
            guilty="proxy_pass http://$cookie_pool",
            share={"many": {"app1": 0.0, "app2": 0.0, "app3": 0.0}},
            failed=1.0,
        ),
        Example(
            "header",
            nginx(THREE, "proxy_pass http://$http_x_backend:8080$request_uri;"),
            guilty="proxy_pass http://$http_x_backend:8080$request_uri",
            share={"office": {"app1": 0.0}},
            failed=1.0,
        ),
    ),
    look_alikes=(
        LookAlike(
            "translated",
            nginx(THREE, "proxy_pass http://$pool;", http="map $cookie_pool $pool { default shop; }"),
            "a map decides what a cookie may mean",
            share={"many": EVEN},
        ),
        LookAlike("host", nginx(THREE, "resolver 127.0.0.1; proxy_pass http://$http_host;"), "a forward proxy"),
        LookAlike("in-path", nginx(THREE, "proxy_pass http://shop/$arg_page;"), "it chooses a page, not a machine"),
    ),
)
