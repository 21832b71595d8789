"""A broken server that looks the least busy, and nothing that takes it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, THREE, Example, LookAlike, Mistake, finding, nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Least-loaded methods over servers that are never taken out, with second tries switched off."""
    del capacity  # A broken machine bears nothing.
    for upstream in config.upstreams:
        method = upstream.method
        if method is None or len(upstream.serving) < 2 or any(server.max_fails for server in upstream.serving):
            continue
        lines = [p for p in config.passes if p.host == upstream.name.lower() and not p.for_operations]
        tried = [line.settings.get("proxy_next_upstream") for line in lines]
        leaves = any(when is not None and "off" in when.values for when in tried)
        if leaves and (method.name in ("least_conn", "least_time") or set(method.values) & {"two", "least_conn"}):
            message = (
                f"{method.name} sends the next request to the server that is least busy; one that answers errors at "
                "once always is, and in this pool no number of errors takes it out."
            )
            yield finding(MISTAKE.slug, upstream.name, (method.word, *method.args), message, MISTAKE.mend)


_NEVER_OUT = THREE.replace(";", " max_fails=0;")

MISTAKE = Mistake(
    slug="least-conn-sinkhole",
    title="The broken server looks idle",
    what="`least_conn` (or `least_time`, `random two`) chooses the least busy server, second tries are off, "
    "and `max_fails=0` keeps every server in, whatever it answers.",
    why="A server that fails fast has no requests in work, so it gets the next one, and the next: one broken server of "
    "three can swallow two thirds of the traffic and answer it with errors.",
    clients=CLIENTS,
    states=("one-failing-fast",),
    seen="Errors rise far above one server's share; `$upstream_addr` of the failed requests is one address, with tiny "
    "times.",
    mend="Let errors count (`max_fails` above 0) and be tried elsewhere (`proxy_next_upstream error timeout http_500 "
    "http_502 http_503`).",
    instead=nginx("least_conn;\n" + THREE, "proxy_pass http://shop; proxy_next_upstream error timeout http_500;"),
    versions="all nginx versions (`least_time` since 1.31.0); measured with 1.22.1 and 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_upstream_module.html#least_conn", "NX-35"),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "least-conn",
            nginx("least_conn;\n" + _NEVER_OUT, "proxy_pass http://shop; proxy_next_upstream off;"),
            guilty="least_conn",
            also=("no-retry",),
            share={"many": {"app2": 0.7}, "office": {"app2": 0.7}},
            state="one-failing-fast",
            failed=0.7,
            concurrency=12,
            within=0.2,
        ),
    ),
    look_alikes=(
        LookAlike(
            "errors-count",
            nginx("least_conn;\n" + THREE, "proxy_pass http://shop; proxy_next_upstream error timeout http_500;"),
            "an error takes the server out",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
            state="one-failing-fast",
            concurrency=12,
            within=0.1,
        ),
        LookAlike(
            "looked-after",
            nginx("least_conn;\n" + _NEVER_OUT),
            "as an ingress controller writes it, which takes servers out by itself; a dead one is tried elsewhere",
        ),
        LookAlike("round-robin", nginx(_NEVER_OUT), "round robin gives it no more than its share"),
        LookAlike("plain", nginx("least_conn;\n" + THREE), "dead servers are taken out; errors are for alerts to see"),
    ),
)
