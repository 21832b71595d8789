"""HTTP dealt out by connections, where a few connections carry everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import ANY_ONE, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


_HTTP = ("80", "8080", "8000")


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``stream`` blocks that listen at a port for plain HTTP, and none for TLS, which cannot be taken apart."""
    del capacity  # One connection is one server, whatever the machine.
    for outer in config.statements:
        if outer.name != "stream":
            continue
        words = {statement.word for statement in outer.block or ()}
        sites = [site for site in config.sites if site.word in words]
        ports = {port for site in sites for _, port in site.doors}
        if ports & {"443", "8443"} or any("udp" in s.values for site in sites for s in site.listens):
            continue
        for line in config.passes:
            upstream = config.upstream(line.host)
            if not line.site or line.site.word not in words or upstream is None or len(upstream.machines) < 2:
                continue
            if {port for _, port in line.site.doors} & set(_HTTP):
                message = (
                    f"This line chooses a server of {plain(upstream.name)} once for each connection: whatever a client "
                    "sends over one it keeps open goes to one server."
                )
                yield finding(MISTAKE.slug, upstream.name, (line.word, line.target), message, MISTAKE.mend)


def _stream(port: str, http: str = "") -> str:
    pool = " ".join(THREE.split())
    server = f"server {{ listen {port}; proxy_pass shop; }}"
    return f"events {{}}\nstream {{\n    upstream shop {{ {pool} }}\n    {server}\n}}\n{http}"


MISTAKE = Mistake(
    slug="one-connection-one-server",
    title="Connections are shared out, requests are not",
    what="Plain HTTP is balanced in a `stream` block: nginx hands on whole connections and does not look inside.",
    why="A browser opens several connections; another service, a proxy or a gRPC client opens one and sends thousands "
    "of requests over it. Connections are even, load is not; after a server came back, nobody moves to it.",
    clients=("kept-alive", "streaming"),
    states=STATES,
    seen="Count requests and connections of each server: the connections agree, the requests do not.",
    mend="Balance HTTP in an `http` block, where each request is dealt out by itself.",
    instead=nginx(THREE),
    versions="nginx since 1.9.0 (`stream`); measured with 1.31.3",
    sources=("https://nginx.org/en/docs/stream/ngx_stream_proxy_module.html#proxy_pass", "NX-40", "NX-41"),
    decides="pool",
    directives=("stream", "proxy_pass"),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "one-service",
            _stream("80"),
            guilty="proxy_pass shop",
            share={"kept-alive": {ANY_ONE: 1.0}},
            crowd=1,
        ),
    ),
    look_alikes=(
        LookAlike("http", nginx(THREE), "each request is dealt out by itself", share={"kept-alive": EVEN}, crowd=1),
        LookAlike("database", _stream("5432"), "a database speaks no HTTP"),
        LookAlike("passed-through", _stream("443"), "what is encrypted cannot be taken apart"),
    ),
)
