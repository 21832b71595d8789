"""Every slow answer counts as a failure of its server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


TOO_SHORT = 0.5
"""Seconds; the slowest page of most sites takes longer."""


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """A ``proxy_read_timeout`` below half a second, with servers that a single failure takes out."""
    del capacity  # A page that is slow once is slow on any machine.
    for line in config.passes:
        upstream = config.upstream(line.host)
        statement = line.settings.get("proxy_read_timeout")
        when = line.settings.get("proxy_next_upstream")
        if upstream is None or statement is None or line.for_operations or (when and "timeout" not in when.values):
            continue
        time = seconds(" ".join(statement.values))
        strict = any(server.max_fails == 1 for server in upstream.serving)
        if time is not None and 0 < time < TOO_SHORT and strict and len(upstream.serving) > 1:
            message = (
                f"One answer that takes longer than {plain(statement.values[0])} counts as a failure, and one failure "
                "keeps the whole server without requests for a while; the slow page is begun again on the next one."
            )
            yield finding(MISTAKE.slug, upstream.name, (statement.word, *statement.args), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="timeout-too-short",
    title="A slow page takes a server out",
    what="`proxy_read_timeout` is a fraction of a second, and `max_fails` is 1, its default.",
    why="A slow page is not a dead server. Here one slow answer puts the server out for ten seconds, its work is begun "
    "again on the next one, which is slower for it: under load servers fall out one after the other.",
    clients=CLIENTS,
    states=("one-slow", "overloaded"),
    seen="`upstream timed out` in the error log for servers that are well; two addresses in `$upstream_addr`.",
    mend="Give the slowest page time to answer, and raise `max_fails` so that one slow answer is no verdict.",
    instead=nginx(THREE.replace(";", " max_fails=5;"), "proxy_pass http://shop; proxy_read_timeout 10s;"),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout", "NX-34"),
    decides="failure",
    directives=("proxy_read_timeout",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "milliseconds",
            nginx(THREE, "proxy_pass http://shop; proxy_read_timeout 60ms;"),
            guilty="proxy_read_timeout 60ms",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
            state="one-slow",
            pages="checkout",
            within=0.1,
        ),
    ),
    look_alikes=(
        LookAlike(
            "patient",
            nginx(THREE, "proxy_pass http://shop; proxy_read_timeout 5s;"),
            "a slow server keeps its part",
            share={"many": EVEN},
            state="one-slow",
            pages="checkout",
        ),
        LookAlike(
            "many-fails",
            nginx(THREE.replace(";", " max_fails=20;"), "proxy_pass http://shop; proxy_read_timeout 400ms;"),
            "one slow answer is no verdict",
        ),
    ),
)
