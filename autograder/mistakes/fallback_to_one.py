"""What fails anywhere is sent to one machine of the same pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Named locations that ``error_page`` sends failures to, and that send them to one machine of a pool."""
    del capacity  # The failures of all are too much for one.
    pages = config.settings("error_page")
    places = {s.values[-1] for s in pages if any(code.startswith("5") for code in s.values[:-1])}
    pools = {upstream.machines for upstream in config.upstreams if upstream.used and len(upstream.machines) > 1}
    for line in config.passes:
        own = config.reached(line)
        if line.location.startswith("@") and line.location in places and len(own) == 1 and any(own < p for p in pools):
            machine = plain(next(iter(own)).rpartition(":")[0])
            message = (
                f"Every request that failed anywhere comes to this line, which sends all of them to {machine} alone."
            )
            yield finding(MISTAKE.slug, "", (line.word, line.target), message, MISTAKE.mend)


def _fallback(target: str, http: str = "") -> str:
    return nginx(
        THREE,
        "proxy_pass http://shop; proxy_intercept_errors on; error_page 500 502 503 504 = @again;",
        http=http,
        server=f"location @again {{ proxy_pass {target}; }}",
    )


MISTAKE = Mistake(
    slug="fallback-to-one",
    title="All failures to one machine",
    what="`error_page` sends requests that failed to a location which passes them to one machine of the same pool.",
    why="It does nothing while all is well. When servers fail, the last good one gets its own part and everything that "
    "failed elsewhere: twice the load or more, at the worst moment.",
    clients=CLIENTS,
    states=("one-failing-fast", "one-down", "overloaded"),
    seen="Let one server answer 500 and count: its share arrives at the one machine.",
    mend="Send what failed to the pool, or answer it with a plain page.",
    instead=nginx(THREE, "proxy_pass http://shop; error_page 502 504 /sorry.html;"),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_core_module.html#error_page", "NX-31"),
    decides="failure",
    directives=("error_page", "proxy_pass"),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "address",
            _fallback("http://app3:8080"),
            guilty="proxy_pass http://app3:8080",
            share={"many": {"app1": 1 / 3, "app2": 0.0, "app3": 2 / 3}},
            state="one-failing-fast",
        ),
    ),
    look_alikes=(
        LookAlike(
            "sorry-page",
            nginx(
                THREE, "proxy_pass http://shop; error_page 502 503 = @sorry;", server="location @sorry { return 503; }"
            ),
            "a page that says so",
        ),
        LookAlike("machine-of-its-own", _fallback("http://app4:8080"), "a machine that carries nothing else"),
        LookAlike(
            "back-to-the-pool",
            _fallback("http://again", "upstream again { server app1:8080; server app3:8080; }"),
            "two servers share what failed",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
            state="one-failing-fast",
        ),
    ),
)
