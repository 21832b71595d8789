"""All servers but one have a limit, so the one takes what is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """The only server of a pool without ``max_conns``, where two others or more have it."""
    del capacity  # What is over has no size.
    for upstream in config.upstreams:
        free = [s for s in upstream.serving if value(s.parameters.get("max_conns")) in ("", "0")]
        if upstream.used and len(free) == 1 and len(upstream.serving) > 2:
            message = (
                f"All others of this pool take a limited number of requests at once, so under load "
                f"{upstream.label(free[0])} gets everything beyond that."
            )
            yield finding(MISTAKE.slug, upstream.name, (free[0].word,), message, MISTAKE.mend)


_LIMITED = "server app1:8080;\nserver app2:8080 max_conns=1;\nserver app3:8080 max_conns=1;"

MISTAKE = Mistake(
    slug="one-without-limit",
    title="One server without a limit",
    what="All servers of a pool have a limit of connections (`max_conns`) but one, whose line was added without it.",
    why="In a quiet hour all get the same, and every test passes. At the peak the limited ones are full, and the one "
    "without a limit gets all the rest, until it falls over.",
    clients=CLIENTS,
    states=STATES,
    seen="Compare shares in a quiet hour and at the peak.",
    mend="Give every server the limit that its machine can bear.",
    instead=nginx("zone shop 64k;\n" + THREE.replace(";", " max_conns=100;")),
    versions="nginx since 1.11.5 (`max_conns`); measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_upstream_module.html#max_conns", "NX-37"),
    decides="server",
    directives=("server max_conns",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "first",
            nginx("zone shop 64k;\n" + _LIMITED),
            guilty="app1:8080",
            share={"many": {"app1": 0.75, "app2": 0.125, "app3": 0.125}},
            concurrency=12,
            within=0.12,
        ),
    ),
    look_alikes=(
        LookAlike(
            "all",
            nginx("zone shop 64k;\n" + THREE.replace(";", " max_conns=100;")),
            "every server has its limit",
            share={"many": EVEN},
            concurrency=12,
        ),
        LookAlike(
            "small-node",
            nginx("zone shop 64k;\nserver app1:8080;\nserver app2:8080;\nserver app3:8080 max_conns=20;"),
            "one small machine is protected, and two share what is over",
        ),
        LookAlike("none", nginx(THREE), "no server has a limit", share={"many": EVEN}, concurrency=12),
    ),
)
