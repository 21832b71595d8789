"""Names that no block lists go to the block of one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, Example, LookAlike, Mistake, finding, whole
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """The first block of a door, when it sends to one machine of a later block's pool, and no block is the default."""
    del capacity  # One of the pool is not the pool.
    doors = dict.fromkeys(door for site in config.sites for door in sorted(site.doors))
    blamed = set()
    for door in doors:
        sites = config.at_door[door]
        if len(sites) < 2 or any(site.default for site in sites) or not sites[0].names or sites[0].word in blamed:
            continue
        first, *later = (config.machines(site) for site in sites)
        catches = any(name.text in ("_", '""', "") or name.text.startswith("~") for s in sites for name in s.names)
        if len(first) == 1 and any(first < machines for machines in later) and not catches:
            blamed.add(sites[0].word)
            message = (
                "A request for a name that no block lists comes to this block, because it is the first, and so to "
                f"{plain(next(iter(first)).rpartition(':')[0])} alone."
            )
            yield finding(MISTAKE.slug, "", (sites[0].names[0],), message, MISTAKE.mend)


_POOL = "upstream shop { server app1:8080; server app2:8080; server app3:8080; }"
_DEBUG = "server { listen 80; server_name node3.shop.example; location / { proxy_pass http://app3:8080; } }"
_SHOP = "server { listen 80; server_name shop.example; location / { proxy_pass http://shop; } }"

MISTAKE = Mistake(
    slug="unlisted-name",
    title="The wrong block for unknown names",
    what="No `server` block says `default_server`, so the first one takes every name that none of them lists; and the "
    "first one sends to a single machine.",
    why="`www.`, a partner's old name, a health check by address: all of them land on one machine. The file order "
    "decides, so a new file with an early name can change it.",
    clients=CLIENTS,
    states=STATES,
    seen="Ask with another Host header (`curl -H 'Host: www.shop.example'`) and look at `$upstream_addr`.",
    mend="Say which block is `default_server`, and let it send to the pool or refuse.",
    instead=whole(f"{_POOL}\n{_SHOP.replace('listen 80', 'listen 80 default_server')}"),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/request_processing.html", "NX-29"),
    decides="pool",
    directives=("server_name",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "debug-name-first",
            whole(f"{_POOL}\n{_DEBUG}\n{_SHOP}"),
            guilty="node3.shop.example",
            share={"many": {"app3": 1.0}, "office": {"app3": 1.0}},
            host="www.shop.example",
            also=("pool-bypassed",),
        ),
    ),
    look_alikes=(
        LookAlike(
            "default",
            whole(f"{_POOL}\n{_DEBUG}\n{_SHOP.replace('listen 80', 'listen 80 default_server')}"),
            "the pool's block is the default",
            share={"many": EVEN},
            host="www.shop.example",
        ),
        LookAlike(
            "pool-first",
            whole(f"{_POOL}\n{_SHOP}\n{_DEBUG}"),
            "the pool's block is the first",
            share={"many": EVEN},
            host="www.shop.example",
        ),
        LookAlike(
            "other-site",
            whole(
                f"{_POOL}\nserver {{ listen 80; server_name blog.example; location / {{ proxy_pass http://app4; }} }}"
                f"\n{_SHOP}"
            ),
            "another site with a machine of its own",
        ),
    ),
)
