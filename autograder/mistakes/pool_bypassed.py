"""Requests that are passed to one machine although it is a member of a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import THREE as CHECKED_THREE
from autograder.mistakes.haproxy_example import haproxy
from autograder.mistakes.haproxy_routes import read_acls, read_condition
from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain, split_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``proxy_pass`` to the address of a pool's member."""
    del capacity  # Past the pool is past the pool, whatever the machine.
    pools = {server.key: upstream for upstream in config.upstreams for server in upstream.servers}
    given = {statement.values[0] for statement in config.settings("return") if len(statement.args) == 1}
    # `return 418` with an `error_page 418` is no error but a way to a named location.
    after_errors = {
        statement.values[-1] for statement in config.settings("error_page") if not given & set(statement.values[:-1])
    }
    names = {upstream.name.lower() for upstream in config.upstreams}
    for line in config.passes:
        host, port = split_port(line.host)
        upstream = pools.get(f"{host}:{port or ('443' if line.target.text.startswith('https:') else '80')}")
        if upstream is None or line.host in names or line.for_operations:
            continue
        if line.location.startswith("@") and line.location in after_errors:
            continue  # That is a mistake of its own: fallback-to-one.
        where = f"of location {plain(line.location)} " if line.location else ""
        message = f"This line sends every request {where}to {plain(host)} alone, past the pool {plain(upstream.name)}."
        yield finding(MISTAKE.slug, upstream.name, (line.word, line.target), message, MISTAKE.mend)


_THREE = "server app1:8080;\nserver app2:8080;\nserver app3:8080;"
_EVEN = {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``use-server`` with a condition that (nearly) every request meets."""
    del capacity  # Past the others is past the others, whatever the machine.
    for pool in config.pools:
        if not pool.used or len(pool.machines) < 2:
            continue
        acls = read_acls(pool.section)
        for line in pool.own("use-server"):
            condition = read_condition(line.words[2:], acls)
            if condition and condition.holds_always and "%[" not in line.values[0]:
                message = (
                    f"The condition of this line is true for nearly every request, so {plain(line.values[0])} gets "
                    "them all, whatever the pool's way of balancing."
                )
                yield finding(MISTAKE.slug, pool.name, line.words, message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="pool-bypassed",
    title="Past the pool",
    what="`proxy_pass` names one machine, although that machine is a member of a pool; or `use-server` does, with a "
    "condition that every request meets.",
    why="The pool is perfect and nobody uses it: all requests of that location reach one machine, and nothing takes "
    "over when it dies.",
    clients=CLIENTS,
    states=STATES,
    seen="`$upstream_addr` is one address for all requests of a location.",
    mend="Pass the requests to the pool, and let it choose among its servers.",
    instead=nginx(_THREE),
    versions="all nginx versions; measured with 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass",
        "NX-24",
        "NX-25",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-use-server",
        "HA-27",
    ),
    decides="pool",
    directives=("proxy_pass", "use-server"),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "all",
            nginx(_THREE, "proxy_pass http://app2:8080;"),
            guilty="proxy_pass http://app2:8080",
            share={"many": {"app2": 1.0, "app1": 0.0, "app3": 0.0}, "office": {"app2": 1.0}},
        ),
        Example(
            "regex-location",
            nginx(_THREE, server="location ~ ^/ { proxy_pass http://app3:8080; }"),
            guilty="proxy_pass http://app3:8080",
            share={"many": {"app3": 1.0}},
        ),
        Example(
            "by-way-of-a-status",
            nginx(
                _THREE,
                "error_page 418 = @one; return 418;",
                server="location @one { proxy_pass http://app1:8080; } location /all { proxy_pass http://shop; }",
            ),
            guilty="proxy_pass http://app1:8080",
            share={"many": {"app1": 1.0}},
        ),
        Example(
            "haproxy-use-server",
            haproxy("use-server web1 if { src 0.0.0.0/0 }\n" + CHECKED_THREE),
            guilty="use-server web1 if { src 0.0.0.0/0 }",
            share={"many": {"app1": 1.0, "app2": 0.0, "app3": 0.0}, "office": {"app1": 1.0}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-every-page",
            haproxy("acl shop path_beg -i /basket /\nuse-server web3 if shop\n" + CHECKED_THREE),
            guilty="use-server web3 if shop",
            share={"many": {"app3": 1.0}},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike("by-name", nginx(_THREE, "proxy_pass http://shop/;"), "that is the pool", share={"many": _EVEN}),
        LookAlike(
            "health",
            nginx(_THREE, server="location = /healthz { proxy_pass http://app1:8080; }"),
            "the health page of one machine",
            share={"many": _EVEN},
        ),
        LookAlike(
            "after-errors",
            nginx(
                _THREE,
                "proxy_pass http://shop; error_page 502 504 = @one;",
                server="location @one { proxy_pass http://app1:8080; } location /teapot { return 418; }",
            ),
            "only what failed comes there, which is a mistake of its own",
            share={"many": _EVEN},
        ),
        LookAlike(
            "metrics",
            nginx(_THREE, server="location /metrics { proxy_pass http://app1:8080; }"),
            "each machine has metrics of its own",
        ),
        LookAlike(
            "other-service",
            nginx(_THREE, server="location /login { proxy_pass http://app4:8080; }"),
            "a machine that is in no pool",
        ),
        LookAlike(
            "comment", nginx(_THREE, "# proxy_pass http://app1:8080;\n            proxy_pass http://shop;"), "a comment"
        ),
        LookAlike(
            "haproxy-narrow",
            haproxy("use-server web1 if { src 192.0.2.0/24 }\n" + CHECKED_THREE),
            "the testers of one network",
            share={"many": _EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-both",
            haproxy("use-server web1 if { path_beg / } { req.hdr(x-debug) -m found }\n" + CHECKED_THREE),
            "both must be true, and few requests have that header",
            share={"many": _EVEN},
            proxy="haproxy",
        ),
    ),
)
