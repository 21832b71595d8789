"""A failure that keeps a server away for minutes or hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain, seconds, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


TOO_LONG = 300.0
"""Seconds; nginx looks again after 10 unless told otherwise, and a restart seldom takes longer than this."""


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``fail_timeout`` of five minutes and more; the finding points at the first of a pool."""
    del capacity  # Away is away.
    for upstream in config.upstreams:
        if not upstream.used or len(upstream.serving) < 2:
            continue
        for server in upstream.serving:
            word = server.parameters.get("fail_timeout")
            time = seconds(value(word)) if word else None
            if word and time and time >= TOO_LONG and server.max_fails:
                times = "a failure" if server.max_fails == 1 else f"{server.max_fails} failures"
                message = (
                    f"After {times} this keeps {upstream.label(server)} without requests for {plain(value(word))}, "
                    "although it may be well again in a second."
                )
                yield finding(MISTAKE.slug, upstream.name, (word,), message, MISTAKE.mend)
                break


_LONG = THREE.replace(";", " fail_timeout=10000s;")

MISTAKE = Mistake(
    slug="long-fail-timeout",
    title="Away for hours after one failure",
    what="`fail_timeout` is minutes or hours. It is two things in one: the time in which failures are counted, and the "
    "time for which a server gets nothing after them.",
    why="A restart of two servers, a second of trouble, and the third carries everything for the rest of the day. "
    "nginx asks nobody whether they are back: only traffic could show it, and it sends none.",
    clients=CLIENTS,
    states=("recovering", "one-down"),
    seen="Restart a server under traffic and count its requests for a minute; a reload of nginx brings it back.",
    mend="Leave `fail_timeout` near its default of 10 seconds, and raise `max_fails` if single failures are normal.",
    instead=nginx(THREE.replace(";", " max_fails=3 fail_timeout=10s;")),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_upstream_module.html#fail_timeout", "NX-33"),
    decides="absence",
    directives=("server fail_timeout",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "hours",
            nginx(_LONG),
            guilty="fail_timeout=10000s",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
            state="recovering",
        ),
        Example(
            "one-hour",
            nginx("server app1:8080;\nserver app2:8080 max_fails=3 fail_timeout=1h;"),
            guilty="fail_timeout=1h",
            share={"office": {"app1": 1.0, "app2": 0.0}},
            state="recovering",
        ),
    ),
    look_alikes=(
        LookAlike("default-in-words", nginx(THREE.replace(";", " fail_timeout=10s;")), "this is the default"),
        LookAlike("half-a-minute", nginx(THREE.replace(";", " max_fails=3 fail_timeout=30s;")), "a usual value"),
        LookAlike(
            "never-out",
            nginx(THREE.replace(";", " max_fails=0 fail_timeout=1h;")),
            "with max_fails=0 no failure is counted",
            share={"many": {"app1": 1 / 3, "app2": 1 / 3}},
            state="recovering",
        ),
    ),
)
