"""A pool that does not try another server when one is dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding, nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig, Pass
    from autograder.stack.proxies.nginx_syntax import Statement


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Directives that take the second try away from a pool with more than one server."""
    del capacity  # A dead machine has none.
    for line in config.passes:
        statement = _takes_the_retry(line)
        if statement is None or line.word.text != "proxy_pass" or line.for_operations:
            continue
        for upstream in config.upstreams:
            if line.host != upstream.name.lower() or len(upstream.serving) < 2:
                continue
            if all(server.max_fails == 0 for server in upstream.serving):
                how_often = f"1 of {len(upstream.serving)} requests, for as long as it is dead"
            else:
                how_often = "the first ones, and again each time nginx looks whether it is back"
            message = (
                f"With this line a request that meets a dead server is not tried on another: clients see the error "
                f"({how_often})."
            )
            yield finding(MISTAKE.slug, upstream.name, (statement.word, *statement.args), message, MISTAKE.mend)


def _takes_the_retry(line: Pass) -> Statement | None:
    when = line.settings.get("proxy_next_upstream")
    if when and ("off" in when.values or "error" not in when.values):
        return when
    tries = line.settings.get("proxy_next_upstream_tries")
    return tries if tries and tries.values == ("1",) else None


_OFF = "proxy_pass http://shop; proxy_next_upstream off;"
_NEVER_OUT = "server app1:8080 max_fails=0;\nserver app2:8080 max_fails=0;\nserver app3:8080 max_fails=0;"
_THREE = "zone shop 64k;\nserver app1:8080;\nserver app2:8080;\nserver app3:8080;"


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``retries 0`` in web pools with more than one server."""
    del capacity  # A dead machine has none.
    for pool in config.web_pools:
        said = pool.lines("retries")
        if said and said[-1].values[0] == "0" and len(pool.machines) > 1:
            message = (
                "With this line a request that meets a dead server is not tried again: clients see the error until "
                "the checks have noticed."
            )
            yield finding(MISTAKE.slug, pool.name, said[-1].words, message, MISTAKE.mend)


_SELDOM = "check inter 1m"


MISTAKE = Mistake(
    slug="no-retry",
    title="No second try",
    what="`proxy_next_upstream` is off, leaves `error` out, or is allowed one try; in HAProxy, `retries 0`. With "
    "`max_fails=0` besides, a dead server is never taken out of the rotation.",
    why="A dead server that nobody would have noticed becomes errors at the clients: with `max_fails=0` its full share "
    "of the traffic for as long as it is dead.",
    clients=CLIENTS,
    states=("one-down",),
    seen="Stop one server and count errors at the client; all is well while every server is up.",
    mend="Let a request try another server (nginx does by default; HAProxy with `option redispatch`), and leave "
    "`max_fails` and `retries` above 0.",
    instead=nginx(_THREE),
    versions="all nginx versions (`proxy_next_upstream_tries` since 1.7.5); measured with 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_next_upstream",
        "NX-36",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-retries",
        "HA-18",
    ),
    decides="failure",
    directives=("proxy_next_upstream", "proxy_next_upstream_tries", "server max_fails", "retries", "option redispatch"),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "never-out",
            nginx(_NEVER_OUT, _OFF),
            guilty="proxy_next_upstream off",
            share={"many": {"app1": 1 / 3, "app2": 0.0, "app3": 1 / 3}},
            state="one-down",
            failed=1 / 3,
        ),
        Example(
            "seldom-out",
            nginx(_THREE.replace(":8080;", ":8080 max_fails=1000;"), _OFF),
            guilty="proxy_next_upstream off",
            share={"many": {"app1": 1 / 3, "app2": 0.0, "app3": 1 / 3}},
            state="one-down",
            failed=1 / 3,
        ),
        Example(
            "one-try",
            nginx(_NEVER_OUT, http="proxy_next_upstream_tries 1;"),
            guilty="proxy_next_upstream_tries 1",
            share={"many": {"app1": 1 / 3, "app3": 1 / 3}},
            state="one-down",
            failed=1 / 3,
        ),
        Example(
            "without-error",
            nginx(_NEVER_OUT, server="proxy_next_upstream timeout http_502;"),
            guilty="proxy_next_upstream timeout http_502",
            share={"many": {"app1": 1 / 3, "app3": 1 / 3}},
            state="one-down",
            failed=1 / 3,
        ),
        Example(
            "haproxy-none",
            haproxy("retries 0\n" + servers(_SELDOM, _SELDOM, _SELDOM)),
            guilty="retries 0",
            share={"many": {"app1": 1 / 3, "app2": 0.0, "app3": 1 / 3}},
            proxy="haproxy",
            state="one-down",
            failed=1 / 3,
            also=("slow-to-notice",),
        ),
        Example(
            "haproxy-inherited",
            haproxy(servers(_SELDOM, _SELDOM, _SELDOM), defaults="retries 0"),
            guilty="retries 0",
            share={"many": {"app1": 0.0, "app2": 1 / 3}},
            proxy="haproxy",
            state="one-down",
            victim="app1",
            failed=1 / 3,
            also=("slow-to-notice",),
        ),
    ),
    look_alikes=(
        LookAlike(
            "never-out-but-tried-again",
            nginx(_NEVER_OUT),
            "the second try hides the dead server, at the price of a moment",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
            state="one-down",
        ),
        LookAlike(
            "default-in-words",
            nginx(_THREE, "proxy_pass http://shop; proxy_next_upstream error timeout;"),
            "this is the default",
            share={"many": {"app1": 0.5, "app3": 0.5}},
            state="one-down",
        ),
        LookAlike(
            "overruled",
            nginx(
                _THREE, "proxy_pass http://shop; proxy_next_upstream error timeout;", http="proxy_next_upstream off;"
            ),
            "the location says otherwise",
            share={"many": {"app1": 0.5, "app3": 0.5}},
            state="one-down",
        ),
        LookAlike(
            "elsewhere",
            nginx(_THREE, server="location = /health { proxy_pass http://shop; proxy_next_upstream off; }"),
            "the health page should tell the truth",
        ),
        LookAlike("comment", nginx(_THREE, "proxy_pass http://shop; # proxy_next_upstream off;"), "a comment"),
        LookAlike(
            "haproxy-once",
            haproxy("retries 1\n" + servers(CHECKED, CHECKED, CHECKED)),
            "one more try, on another server",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
            proxy="haproxy",
            state="one-down",
        ),
        LookAlike(
            "haproxy-overruled",
            haproxy("retries 3\n" + servers(CHECKED, CHECKED, CHECKED), defaults="retries 0"),
            "the pool says otherwise",
            share={"many": {"app1": 0.5, "app3": 0.5}},
            proxy="haproxy",
            state="one-down",
        ),
    ),
)
