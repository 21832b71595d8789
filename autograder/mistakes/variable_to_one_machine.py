"""A variable that always names the same member of a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_choices import routing
from autograder.mistakes.nginx_config import plain, split_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``set $backend`` to one machine of a pool, and a line that sends requests by it."""
    del capacity  # One of the pool is not the pool.
    members = {key: u for u in reversed(config.upstreams) if len(u.machines) > 1 for key in u.machines}
    for all_of_it, lines in routing(config):
        values = {entry.host for choice in all_of_it for entry in choice.entries}
        line = next((line for line in lines if not line.for_operations), None)
        if len(values) != 1 or line is None:
            continue
        host, port = split_port(values.pop())
        pool = config.upstream(host) if not port else None
        key = next(iter(pool.machines)) if pool and len(pool.machines) == 1 else f"{host}:{port or '80'}"
        upstream = members.get(key)
        if upstream and (pool is None or (pool is not upstream and len(pool.machines) == 1)):
            message = (
                f"${plain(line.variables[0])} is always {plain(host)}, so this line sends all requests there, past the "
                f"pool {plain(upstream.name)}."
            )
            yield finding(MISTAKE.slug, upstream.name, (line.word, line.target), message, MISTAKE.mend)


_POOL = "server 198.18.0.11:8080;\nserver 198.18.0.12:8080;\nserver 198.18.0.13:8080;"

MISTAKE = Mistake(
    slug="variable-to-one-machine",
    title="A variable that never varies",
    what="`proxy_pass` goes by a variable, and the only value it is ever given is one machine of a pool: mostly a "
    "recipe that was copied so that nginx starts while a name cannot be looked up.",
    why="It looks like a choice and is none. The pool is there, in order, and nothing is sent to it.",
    clients=CLIENTS,
    states=STATES,
    seen="`$upstream_addr` is one address for all requests of a location.",
    mend="Set the variable to the name of the pool, or name the pool in `proxy_pass` itself.",
    instead=nginx(_POOL, "set $backend shop; proxy_pass http://$backend;"),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass", "NX-24", "NX-25"),
    decides="pool",
    directives=("proxy_pass",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "address",
            nginx(_POOL, "set $backend 198.18.0.11:8080; proxy_pass http://$backend;"),
            guilty="proxy_pass http://$backend",
            share={"many": {"app1": 1.0}, "office": {"app1": 1.0}},
        ),
        Example(
            "whole-address",
            nginx(_POOL, "proxy_pass $backend;", server="set $backend http://198.18.0.13:8080;"),
            guilty="proxy_pass $backend",
            share={"many": {"app3": 1.0}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "pool",
            nginx(_POOL, "set $backend shop; proxy_pass http://$backend;"),
            "the variable names the pool",
            share={"many": EVEN},
        ),
        LookAlike(
            "chosen",
            nginx(
                _POOL,
                'set $to shop; if ($arg_debug = "1") { set $to 198.18.0.11:8080; } proxy_pass http://$to;',
            ),
            "one machine for those who ask for it",
            share={"many": EVEN},
        ),
        LookAlike(
            "other-service",
            nginx(_POOL, server="location /login { set $login 198.18.0.14:8080; proxy_pass http://$login; }"),
            "a machine that is in no pool",
        ),
    ),
)
