"""A pool that no line sends to, while everything goes to one other machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Configs whose pools are all unused and whose only target is a machine that is in none of them."""
    del capacity  # What nobody asks bears nothing.
    pools = [upstream for upstream in config.upstreams if len(upstream.machines) > 1]
    lines = [line for line in config.passes if not line.for_operations]
    members = {server.key for upstream in config.upstreams for server in upstream.servers}
    if not pools or any(u.used for u in config.upstreams) or len({line.key for line in lines}) != 1:
        return
    line = lines[0]
    if line.key and line.key not in members and not line.host.startswith(("127.", "localhost", "unix:", "[::1]")):
        message = (
            f"This line sends every request to {plain(line.host)} alone; no line of this config sends anything to the "
            f"pool {plain(pools[0].name)}."
        )
        yield finding(MISTAKE.slug, pools[0].name, (line.word, line.target), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="pool-unused",
    title="A pool that nobody asks",
    what="The config has a pool, and `proxy_pass` names one machine that is not in it: the old one, from before there "
    "was a pool, or a name that looks like the pool's.",
    why="The new machines are listed, up and idle. All traffic still goes to the one that they were bought to relieve.",
    clients=CLIENTS,
    states=STATES,
    seen="`$upstream_addr` is one address, and it is none of the pool's.",
    mend="Write the name of the pool after `proxy_pass`.",
    instead=nginx(THREE),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass", "NX-24"),
    decides="pool",
    directives=("proxy_pass",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "old-server",
            nginx(THREE, "proxy_pass http://app4:8080;"),
            guilty="proxy_pass http://app4:8080",
            share={"many": {"app4": 1.0, "app1": 0.0}, "office": {"app4": 1.0}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "both",
            nginx(THREE, server="location /login { proxy_pass http://app4:8080; }"),
            "the pool is asked too",
            share={"many": {"app4": 1 / 6}},
            within=0.1,
        ),
        LookAlike(
            "colours",
            nginx(THREE, "proxy_pass http://green;", http="upstream green { server app4:8080; server app3:8080; }"),
            "the idle colour of two",
            share={"many": {"app4": 0.5, "app3": 0.5}},
        ),
        LookAlike("by-name", nginx(THREE), "the pool is asked", share={"many": EVEN}),
    ),
)
