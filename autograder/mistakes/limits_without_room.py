"""Limits so low that requests are turned away, because nothing waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


FEW = 8
"""Requests at once that a whole pool is allowed; a single page of a browser asks for six."""


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Pools of which every server has ``max_conns``, and all together allow next to nothing."""
    del capacity  # It is about requests that no machine gets.
    for upstream in config.upstreams:
        # Many servers with little each mean that somebody counted.
        if not upstream.used or not 1 < len(upstream.serving) <= FEW:
            continue
        words = [server.parameters.get("max_conns") for server in upstream.serving]
        limits = [int(text) if (text := value(word)).isdecimal() else 0 for word in words]
        spare = any(server.backup for server in upstream.servers)
        if all(limits) and sum(limits) <= FEW and words[0] and not spare:
            message = (
                f"The servers of this pool are allowed {sum(limits)} requests at once all together; whoever comes "
                "beyond that gets a 502 at once, because nginx lets nobody wait."
            )
            yield finding(MISTAKE.slug, upstream.name, (words[0],), message, MISTAKE.mend)


_ONE_EACH = "zone shop 64k;\n" + THREE.replace(";", " max_conns=1;")

MISTAKE = Mistake(
    slug="limits-without-room",
    title="Limits that turn people away",
    what='Every server has a `max_conns` of one or two. It was meant as "one at a time, the others wait"; nginx '
    "without a `queue` (commercial) lets nobody wait.",
    why="As soon as one request more comes than the limits allow, it is answered 502: with every server well, and "
    "nearly idle.",
    clients=CLIENTS,
    states=STATES,
    seen="502 at the peak, `no live upstreams` in the error log, and every server well.",
    mend="Set limits to what the machines can bear, or let the servers themselves hold the queue.",
    instead=nginx("zone shop 64k;\n" + THREE.replace(";", " max_conns=100;")),
    versions="nginx since 1.11.5 (`max_conns`; `queue` is commercial); measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_upstream_module.html#max_conns", "NX-37"),
    decides="failure",
    directives=("server max_conns",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "one-each",
            nginx(_ONE_EACH),
            guilty="max_conns=1",
            share={"many": {"app1": 0.08, "app2": 0.08, "app3": 0.08}},
            failed=0.75,
            concurrency=12,
            within=0.2,
        ),
    ),
    look_alikes=(
        LookAlike(
            "room",
            nginx("zone shop 64k;\n" + THREE.replace(";", " max_conns=64;")),
            "there is room",
            share={"many": EVEN},
            concurrency=12,
        ),
        LookAlike(
            "overflow",
            nginx(_ONE_EACH + "\nserver app4:8080 backup;"),
            "what is over goes to a spare machine",
        ),
        LookAlike("no-limit", nginx("zone shop 64k;\n" + THREE.replace(";", " max_conns=0;")), "0 is no limit"),
    ),
)
