"""A pool that has this balancer itself among its servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import split_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``server 127.0.0.1:port`` where the block that answers at that port sends to the same pool."""
    del capacity  # The balancer bears nothing itself.
    for upstream in config.upstreams:
        for server in upstream.serving:
            host, port = split_port(server.key)
            if not host.startswith("127.") and host != "localhost":
                continue
            answers = [*config.at_door.get((host, port), ()), *config.at_door.get(("*", port), ())]
            first = next((s for s in answers if s.default), answers[0] if answers else None)
            lines = config.lines(first) if first else ()
            if any(p.host == upstream.name.lower() and p.location in ("", "/") for p in lines):
                message = (
                    "This line sends requests back to this very balancer, which deals them out once more: the other "
                    "servers of the pool get its part as well."
                )
                yield finding(MISTAKE.slug, upstream.name, (server.word,), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="points-at-itself",
    title="A pool that goes round in a circle",
    what="A pool names 127.0.0.1 at a port where this nginx itself listens, and what listens there sends to the same "
    "pool: the config was written for another port, or copied from the application's machine.",
    why="It counts as a server and does no work. Its part goes round again, takes two connections more each time, and "
    "lands on the others; if they fail, requests circle until nginx has no connections left.",
    clients=CLIENTS,
    states=STATES,
    seen="The access log has requests from 127.0.0.1, and more lines than clients sent requests.",
    mend="Write the address and port of the machine that was meant.",
    instead=nginx(THREE),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server", "NX-17"),
    decides="pool",
    directives=("server",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "one-and-itself",
            nginx("server app1:8080;\nserver 127.0.0.1:80;"),
            guilty="127.0.0.1:80",
            share={"many": {"app1": 1.0}, "office": {"app1": 1.0}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "other-program",
            nginx("server app1:8080;\nserver 127.0.0.1:8080;"),
            "another program of this machine listens there",
        ),
        LookAlike(
            "other-pool",
            nginx(
                "server app1:8080;\nserver app2:8080;",
                http="upstream edge { server 127.0.0.1:80; server app3:8080; }\n"
                "    server { listen 8081; location / { proxy_pass http://edge; } }",
            ),
            "what listens there sends to another pool",
            share={"many": {"app1": 0.5, "app2": 0.5}},
        ),
    ),
)
