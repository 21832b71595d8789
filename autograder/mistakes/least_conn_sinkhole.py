"""A broken server that looks the least busy, and nothing that takes it out: its fast errors attract traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.haproxy_example import THREE as CHECKED_THREE
from autograder.mistakes.haproxy_health import asks_the_program, checked, retries_broken_answers, watches_answers
from autograder.mistakes.mistake import CLIENTS, THREE, Example, LookAlike, Mistake, finding, nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
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


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``leastconn`` in pools whose checks see an open port and nothing else, where another pool is asked for a page.

    Without such a pool nobody can say that these servers have a page that tells how they are.
    """
    del capacity  # An error costs nothing, on any machine.
    asked = any(asks_the_program(pool) for pool in config.web_pools)
    for pool in config.web_pools if asked else ():
        if pool.balance is None or pool.algorithm != "leastconn" or len(pool.machines) < 2:
            continue
        if asks_the_program(pool) or retries_broken_answers(pool):
            continue
        if all(checked(server) and not watches_answers(server) for server in pool.serving):
            message = (
                "This line prefers the server with the fewest requests in work: one that answers every request with an "
                "error, at once, has the fewest, and no check of this pool notices."
            )
            yield finding(MISTAKE.slug, pool.name, pool.balance.words[:2], message, MISTAKE.mend)


_NEVER_OUT = THREE.replace(";", " max_fails=0;")
_LEASTCONN = "balance leastconn\n"
_RULES = "use_backend api if { path_beg /api/ }\ndefault_backend shop"
_API = f"backend api\n    option httpchk GET /\n    server web4 app4:8080 {CHECKED}\n"
_OBSERVED = f"{CHECKED} observe layer7 error-limit 5 on-error mark-down"

MISTAKE = Mistake(
    slug="least-conn-sinkhole",
    title="The broken server looks idle",
    what="The pool chooses the least busy server (`least_conn`, `least_time`, `random two`; `balance leastconn`), and "
    "nothing takes out one that answers errors: in nginx second tries are off and `max_fails=0`, in HAProxy the checks "
    "only see whether the port is open, while another pool of the config is asked for a page.",
    why="A server that fails fast has no requests in work, so it gets the next one, and the next: one broken server of "
    "three can swallow two thirds of the traffic and answer it with errors.",
    clients=CLIENTS,
    states=("one-failing-fast",),
    seen="Errors rise far above one server's share; `$upstream_addr` of the failed requests is one address, with tiny "
    "times; in HAProxy's `show stat` one server has the most requests and all the 5xx.",
    mend="Let errors take a server out: in nginx `max_fails` above 0 with `proxy_next_upstream error timeout http_500 "
    "http_502 http_503`, in HAProxy a check that asks for a page (`option httpchk`) or `observe layer7`.",
    instead=nginx("least_conn;\n" + THREE, "proxy_pass http://shop; proxy_next_upstream error timeout http_500;"),
    versions="all nginx versions (`least_time` since 1.31.0), measured with 1.22.1 and 1.31.3; all HAProxy versions, "
    "measured with 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#least_conn",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-balance",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-option%20httpchk",
        "NX-35",
        "HA-08",
    ),
    decides="failure",
    directives=("least_conn", "proxy_next_upstream", "server max_fails", "balance leastconn", "option httpchk"),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
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
        Example(
            "haproxy-port-check",
            haproxy(_LEASTCONN + CHECKED_THREE, _RULES, extra=_API),
            guilty="balance leastconn",
            share={"many": {"app2": 0.8}, "office": {"app2": 0.8}},
            state="one-failing-fast",
            failed=0.8,
            pages="checkout",
            proxy="haproxy",
            within=0.18,  # how much faster an error is than a page depends on the machine
        ),
        Example(
            "haproxy-inherited",
            haproxy(CHECKED_THREE, _RULES, defaults="balance leastconn", extra=_API),
            guilty="balance leastconn",
            share={"many": {"app1": 0.8}},
            state="one-failing-fast",
            victim="app1",
            failed=0.8,
            pages="checkout",
            proxy="haproxy",
            within=0.18,
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
        LookAlike(
            "haproxy-asks-the-program",
            haproxy(f"{_LEASTCONN}option httpchk GET /\n{CHECKED_THREE}"),
            "a check that gets an error takes the server out",
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-watches-answers",
            haproxy(_LEASTCONN + servers(_OBSERVED, _OBSERVED, _OBSERVED), _RULES, extra=_API),
            "five errors in a row, seen in the traffic itself, take the server out",
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-round-robin",
            haproxy("balance roundrobin\n" + CHECKED_THREE, _RULES, extra=_API),
            "an error attracts nothing",
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-no-page-known",
            haproxy(_LEASTCONN + CHECKED_THREE),
            "nothing says that these servers have a page to ask for",
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-database",
            haproxy(_LEASTCONN + CHECKED_THREE, mode="tcp"),
            "connections of a database stay open, so a broken server does not look idle",
            proxy="haproxy",
        ),
    ),
)
