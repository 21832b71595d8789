"""A variable that names a pool which does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.errors import nearest
from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_choices import routing
from autograder.mistakes.nginx_config import plain, split_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


MANY = 50
"""Pools among which a name like the one that is missing is looked for."""


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Values that are nearly the name of a pool, where nothing could look them up as the name of a machine."""
    del capacity  # No machine is asked at all.
    names = {upstream.name.lower() for upstream in config.upstreams}
    few = sorted(names)[:MANY]
    if config.settings("resolver"):
        return
    for choice in (choice for all_of_it, _ in routing(config) for choice in all_of_it):
        for entry in choice.entries:
            host = split_port(entry.host)[0]
            if not host or host in names or not host[0].isalpha() or host.startswith("unix:"):
                continue
            if any(other.host in names for other in choice.entries) or nearest(host, few):
                message = (
                    f"No pool is called {plain(host)}, and nothing looks names up while nginx runs: requests that come "
                    "to this line are answered with an error."
                )
                yield finding(MISTAKE.slug, "", (entry.pattern, entry.value), message, MISTAKE.mend)


def _map(text: str, **more: str) -> str:
    return nginx(THREE, "proxy_pass http://$pool;", http=text, **more)


MISTAKE = Mistake(
    slug="no-such-pool",
    title="A pool that does not exist",
    what="A `map`, `set` or `split_clients` names a pool by a name that no `upstream` has: a typo, or a pool that was "
    "renamed.",
    why="With a name in the config itself nginx would refuse to start. Behind a variable it finds out at the first "
    "request: `nginx -t` succeeds, the reload succeeds, and the clients get 502.",
    clients=CLIENTS,
    states=STATES,
    seen="The error log says `no resolver defined to resolve`, with the name.",
    mend="Write the name of an `upstream` that is there.",
    instead=nginx(THREE),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass",),
    decides="pool",
    directives=("proxy_pass", "map", "set"),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "typo",
            _map("map $cookie_beta $pool { yes shop; default shopp; }"),
            guilty="default shopp",
            share={"many": {"app1": 0.0, "app2": 0.0}, "office": {"app1": 0.0}},
            failed=1.0,
        ),
        Example(
            "renamed",
            nginx(THREE, "set $pool shop_v1; proxy_pass http://$pool;"),
            guilty="$pool shop_v1",
            share={"many": {"app1": 0.0}},
            failed=1.0,
        ),
    ),
    look_alikes=(
        LookAlike("there", _map("map $cookie_beta $pool { default shop; }"), "the pool exists", share={"many": EVEN}),
        LookAlike(
            "looked-up",
            nginx(THREE, "resolver 127.0.0.1; set $pool shop.internal; proxy_pass http://$pool;"),
            "a name server is asked while nginx runs",
        ),
        LookAlike(
            "address",
            _map("map $cookie_beta $pool { yes 198.18.0.14:8080; default shop; }"),
            "an address needs no name",
        ),
    ),
)
