"""A hash of the client that changes with every connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.address_hash import ADDRESS
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
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


_CONNECTION = frozenset(("remote_port", "connection", "realip_remote_port"))


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Hash keys of pools for HTTP that have the connection in them, and at most the client's address besides."""
    del capacity  # It is about who comes back, not about how much.
    for upstream in config.upstreams:
        method = upstream.method
        # In a stream block a connection is what is dealt out, and this a way to do it.
        if not upstream.used or method is None or len(upstream.serving) < 2 or upstream.stream:
            continue
        if upstream.key & _CONNECTION and upstream.key <= _CONNECTION | ADDRESS:
            message = (
                f"The key {plain(method.args[0].text)} is another one for each connection: a client that connects "
                "anew may get another server, and one that keeps its connection sends everything to one."
            )
            yield finding(MISTAKE.slug, upstream.name, (method.word, method.args[0]), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="hash-with-port",
    title="A hash that forgets the client",
    what="The key of `hash` has the client's port or the number of the connection in it.",
    why="It reads like stickiness and keeps nobody anywhere: sessions break at the next connection. And few clients "
    "that keep one connection for everything (other services, proxies) put all of their load on one server.",
    clients=CLIENTS,
    states=STATES,
    seen="Ask twice from one machine: two servers. Ask a hundred times over one connection: one server.",
    mend="Take the port out of the key, or leave the method out if no client has to come back to its server.",
    instead=nginx("hash $cookie_session consistent;\n" + THREE),
    versions="nginx since 1.7.2 (`hash`); measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_core_module.html#var_remote_port", "NX-08"),
    decides="client",
    directives=("hash",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "one-connection",
            nginx("hash $remote_addr$remote_port;\n" + THREE),
            guilty="hash $remote_addr$remote_port",
            share={"kept-alive": {ANY_ONE: 1.0}},
            crowd=1,
        ),
        Example(
            "one-client",
            nginx("hash $remote_addr:$remote_port consistent;\n" + THREE),
            guilty="hash $remote_addr:$remote_port",
            share={"office": EVEN},
            within=0.05,
        ),
    ),
    look_alikes=(
        LookAlike(
            "request-id",
            nginx("hash $request_id;\n" + THREE),
            "every request is dealt out by itself",
            share={"kept-alive": EVEN},
            crowd=1,
        ),
        LookAlike("session", nginx("hash $cookie_session$remote_port;\n" + THREE), "sessions come first in the key"),
    ),
)
