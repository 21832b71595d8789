"""A hash of the client's address, where many clients have one address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.constant_hash_key import CONSTANT, SITE
from autograder.mistakes.haproxy_example import THREE as CHECKED_THREE
from autograder.mistakes.haproxy_example import haproxy
from autograder.mistakes.haproxy_keys import hash_sample
from autograder.mistakes.mistake import ANY_ONE, STATES, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig

ADDRESS = frozenset(("remote_addr", "binary_remote_addr"))
WEB = frozenset(("80", "443", "8080", "8443"))
"""Ports at which browsers ask."""


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``ip_hash``, and ``hash`` with nothing but the address in its key, where no real address is made known."""
    del capacity  # One key is one server, whatever the machine.
    for upstream in config.upstreams:
        method = upstream.method
        if not upstream.used or method is None or config.real_ip or len(upstream.serving) < 2:
            continue
        # What speaks no HTTP has nothing but its address to be known by.
        if upstream.stream and not any(
            port in WEB for p in config.passes_to(upstream) if p.site for _, port in p.site.doors
        ):
            continue
        if method.name == "ip_hash":
            message = "This line sends all clients whose IPv4 address begins with the same three numbers to one server."
            yield finding(MISTAKE.slug, upstream.name, (method.word,), message, MISTAKE.mend)
        elif upstream.key & ADDRESS and upstream.key <= ADDRESS | CONSTANT | SITE:
            message = (
                f"The key {plain(method.args[0].text)} is the address a request comes from, so this line sends "
                "everybody behind one address to one server."
            )
            yield finding(MISTAKE.slug, upstream.name, (method.word, method.args[0]), message, MISTAKE.mend)


_THREE = "server app1:8080;\nserver app2:8080;\nserver app3:8080;"
_EVEN = {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``balance source`` and ``balance hash src`` for web clients, where no real address is made known."""
    del capacity  # One key is one server, whatever the machine.
    for pool in config.pools if not config.real_address else ():
        if not pool.web or not pool.for_clients or pool.balance is None or len(pool.machines) < 2:
            continue
        if hash_sample(pool) == "src" and "ipmask" not in pool.balance.values[-1]:
            message = (
                "The key of this line is the address a request comes from, so it sends everybody behind one address "
                "to one server."
            )
            yield finding(MISTAKE.slug, pool.name, pool.balance.words, message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="address-hash",
    title="One address, one server",
    what="The server is chosen by the client's address (`ip_hash`, `hash $remote_addr`, `balance source`).",
    why="An office, a mobile network or a CDN shows thousands of people as one address: all of them land on one "
    "server. `ip_hash` looks at the first three numbers of an IPv4 address only, so a whole /24 is one client. From "
    "many networks the same line spreads well, which is why tests from a few machines and life disagree.",
    clients=("office", "behind-cdn", "subnet", "few"),
    states=STATES,
    seen="Count requests per `$remote_addr`: a few addresses carry most of the traffic.",
    mend="Behind a proxy, take the client's address from its header (`real_ip_header`, `http-request set-src`); else "
    "hash "
    "on something each client has for itself, or leave the method out.",
    instead=nginx(
        "ip_hash;\n" + _THREE,
        http="set_real_ip_from 198.18.0.0/15; real_ip_header X-Forwarded-For;",
    ),
    versions="all nginx versions (`hash` since 1.7.2); measured with 1.22.1 and 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#ip_hash",
        "https://nginx.org/en/docs/http/ngx_http_realip_module.html",
        "NX-01",
        "NX-02",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-balance",
        "HA-01",
    ),
    decides="client",
    directives=("ip_hash", "hash", "balance source"),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "ip-hash",
            nginx("ip_hash;\n" + _THREE),
            guilty="ip_hash",
            share={"office": {ANY_ONE: 1.0}, "subnet": {ANY_ONE: 1.0}, "behind-cdn": {ANY_ONE: 1.0}, "many": _EVEN},
        ),
        Example(
            "remote-addr",
            nginx("hash $remote_addr;\n" + _THREE),
            guilty="hash $remote_addr",
            share={"office": {ANY_ONE: 1.0}, "behind-cdn": {ANY_ONE: 1.0}, "subnet": _EVEN, "many": _EVEN},
        ),
        Example(
            "binary",
            nginx("hash $binary_remote_addr$host;\n" + _THREE),
            guilty="hash $binary_remote_addr$host",
            share={"office": {ANY_ONE: 1.0}},
        ),
        Example(
            "survivor",
            nginx("zone shop 64k;\nip_hash;\n" + _THREE),
            guilty="ip_hash",
            share={"office": {ANY_ONE: 1.0}},
            state="one-down",
        ),
        Example(
            "haproxy-source",
            haproxy("balance source\n" + CHECKED_THREE),
            guilty="balance source",
            share={"office": {ANY_ONE: 1.0}, "behind-cdn": {ANY_ONE: 1.0}, "subnet": _EVEN, "many": _EVEN},
            proxy="haproxy",
        ),
        Example(
            "haproxy-hash",
            haproxy("balance hash src\nhash-type consistent\n" + CHECKED_THREE),
            guilty="balance hash src",
            share={"office": {ANY_ONE: 1.0}},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "real-ip",
            nginx("ip_hash;\n" + _THREE, http="set_real_ip_from 198.18.0.0/15; real_ip_header X-Forwarded-For;"),
            "the trusted proxy says who the client is",
            share={"behind-cdn": _EVEN},
        ),
        LookAlike("uri", nginx("hash $remote_addr$request_uri;\n" + _THREE), "each page is a key of its own"),
        LookAlike(
            "request-id",
            nginx("hash $remote_addr$request_id;\n" + _THREE),
            "every request is a key of its own",
            share={"office": _EVEN},
        ),
        LookAlike("comment", nginx("# ip_hash;\n" + _THREE), "a comment", share={"office": _EVEN}),
        LookAlike(
            "idle",
            nginx(_THREE, http="upstream green { ip_hash; server app4:8080; server app3:8080; }"),
            "no line passes requests to this pool",
        ),
        LookAlike(
            "haproxy-real-address",
            haproxy(
                "balance source\n" + CHECKED_THREE,
                "http-request set-src req.hdr(x-forwarded-for)\ndefault_backend shop",
            ),
            "the header says who the client is",
            share={"behind-cdn": _EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-tcp",
            haproxy("balance source\n" + CHECKED_THREE, mode="tcp"),
            "connections of a few machines to a database or a broker",
            proxy="haproxy",
        ),
    ),
)
