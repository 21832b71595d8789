"""What no line of a map fits goes to one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_choices import routing
from autograder.mistakes.nginx_config import plain, split_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Defaults of a ``map`` or ``geo`` that name one machine of the pool that other lines name."""
    del capacity  # One of the pool is not the pool.
    for all_of_it, lines in routing(config):
        for choice in all_of_it if any(not line.for_operations for line in lines) else ():
            # Writes to one machine and reads from all is how databases and what is like them are run.
            if choice.kind not in ("map", "geo") or (choice.source and "request_method" in choice.source.text):
                continue
            pools = {m for entry in choice.entries if (m := _machines(config, entry.host)) and len(m) > 1}
            for entry in choice.entries:
                own = _machines(config, entry.host)
                if entry.fits_all and len(own) == 1 and any(own < pool for pool in pools):
                    machine = plain(split_port(next(iter(own)))[0])
                    message = f"Every request that no other line of this {choice.kind} fits goes to {machine} alone."
                    yield finding(MISTAKE.slug, entry.host, (entry.pattern, entry.value), message, MISTAKE.mend)


def _machines(config: NginxConfig, host: str) -> frozenset[str]:
    upstream = config.upstream(host) if host else None
    if upstream:
        return upstream.machines
    name, port = split_port(host)
    return frozenset({f"{name}:{port or '80'}"} if host else ())


_ONE = "upstream one { server app1:8080; }"


def _map(text: str) -> str:
    return nginx(THREE, "proxy_pass http://$pool;", http=f"{_ONE}\n    {text}")


MISTAKE = Mistake(
    slug="default-pinned",
    title="Everybody else goes to one machine",
    what="A `map` or `geo` chooses the pool, and its `default` names one machine out of the pool that the other lines "
    "name: what was written for a test of one header, cookie or address became the rule.",
    why="Nearly every client is `default`. The machine that was meant for the exception carries the traffic, and the "
    "pool carries the exception.",
    clients=CLIENTS,
    states=STATES,
    seen="Log the variable: nearly every request has the default.",
    mend="Let `default` name the pool, and the other lines the exceptions.",
    instead=nginx(THREE),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_map_module.html", "NX-25"),
    decides="pool",
    directives=("map", "geo"),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "map",
            _map("map $cookie_beta $pool { yes shop; default one; }"),
            guilty="default one",
            share={"many": {"app1": 1.0}, "office": {"app1": 1.0}, "kept-alive": {"app1": 1.0}},
        ),
        Example(
            "geo-of-all",
            _map("geo $pool { default shop; 0.0.0.0/0 one; 10.0.0.0/8 shop; }"),
            guilty="0.0.0.0/0 one",
            share={"many": {"app1": 1.0}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "exception",
            _map("map $cookie_beta $pool { default shop; yes one; }"),
            "one machine for those who ask for it",
            share={"many": EVEN},
        ),
        LookAlike(
            "writes",
            _map("map $request_method $pool { default one; GET shop; HEAD shop; }"),
            "writes go to one machine, reads to all",
            share={"many": EVEN},
        ),
        LookAlike(
            "blue-green",
            nginx(
                THREE,
                "proxy_pass http://$pool;",
                http="upstream green { server app4:8080; }\n    map $cookie_colour $pool { default green; blue shop; }",
            ),
            "the machine is in no other pool: the new colour may be one machine",
        ),
    ),
)
