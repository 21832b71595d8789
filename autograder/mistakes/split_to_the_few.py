"""A split that gives the small pool the large part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.capacity import TOO_MUCH, declared
from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_choices import routing
from autograder.mistakes.nginx_config import plain
from autograder.mistakes.weight_skew import FAR_APART

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """A part of a split that is much larger than its pool, while a larger pool gets a smaller part."""
    for choice in (choice for all_of_it, _ in routing(config) for choice in all_of_it):
        if choice.kind != "split_clients" or len(choice.entries) < 2:
            continue
        rest = 100 - sum(entry.percent or 0 for entry in choice.entries)
        parts = [(entry, rest if entry.percent is None else entry.percent) for entry in choice.entries]
        sizes = [_strength(config, entry.host, capacity) for entry, _ in parts]
        if not all(sizes):
            continue
        for (entry, part), size in zip(parts, sizes, strict=True):
            smaller = size < max(sizes)
            # A part of nothing counts where it is the larger pool's: all was given to the small one.
            others = zip(parts, sizes, strict=True)
            loads = [load / other for (_, load), other in others if load > 0 or other > size]
            if smaller and part / size >= TOO_MUCH * 100 / sum(sizes) and part / size >= FAR_APART * min(loads):
                message = (
                    f"This line sends {part:g} of every 100 requests to {plain(entry.host)}, which is "
                    f"{size / sum(sizes):.0%} of all that the parts of this split have."
                )
                yield finding(MISTAKE.slug, entry.host, (entry.pattern, entry.value), message, MISTAKE.mend)


def _strength(config: NginxConfig, host: str, capacity: Capacity | None) -> float:
    """What a pool's servers bear together, each counted as one where nothing is declared; 0 without such a pool."""
    upstream = config.upstream(host)
    return sum(declared(server, capacity) or 1.0 for server in upstream.serving) if upstream else 0.0


_CANARY = "upstream canary { server app4:8080; }"


def _split(parts: str) -> str:
    http = f'{_CANARY}\n    split_clients "$request_id" $pool {{ {parts} }}'
    return nginx(THREE, "proxy_pass http://$pool;", http=http)


MISTAKE = Mistake(
    slug="split-to-the-few",
    title="The canary gets the crowd",
    what="A `split_clients` gives a pool of few servers far more than its part, mostly because the parts were swapped: "
    "the canary has the rest, and the pool the few per cent.",
    why="One machine that was meant to take a taste of the traffic takes nearly all of it. It is also the machine with "
    "the version that nobody has tried.",
    clients=CLIENTS,
    states=STATES,
    seen="Count answers per `$upstream_addr` and compare with the number of servers behind each part.",
    mend="Give the small pool the small percentage, and the `*` to the pool that can bear the rest.",
    instead=nginx(THREE),
    versions="nginx since 0.8.37 (`split_clients`); measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_split_clients_module.html", "NX-27"),
    decides="pool",
    directives=("split_clients",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "swapped",
            _split("5% shop; * canary;"),
            guilty="* canary",
            share={"many": {"app4": 0.95}, "office": {"app4": 0.95}},
        ),
        Example(
            "everything",
            _split("100% canary; * shop;"),
            guilty="100% canary",
            share={"many": {"app4": 1.0, "app1": 0.0}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "canary",
            _split("5% canary; * shop;"),
            "the canary gets a taste",
            share={"many": {"app4": 0.05, "app1": 0.95 / 3}},
        ),
        LookAlike(
            "hardly-yet",
            _split("0.01% canary; * shop;"),
            "the canary waits",
            share={"many": EVEN},
        ),
        LookAlike("in-proportion", _split("25% canary; * shop;"), "a quarter for one of four"),
        LookAlike(
            "strong",
            _split("30% shop; * canary;"),
            "the one machine is as strong as seven",
            capacity={"app1": 1, "app2": 1, "app3": 1, "app4": 7},
        ),
    ),
)
