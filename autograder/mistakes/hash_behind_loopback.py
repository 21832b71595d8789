"""A hash of the address behind a server block of the same nginx."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.address_hash import ADDRESS
from autograder.mistakes.mistake import (
    ANY_ONE,
    CLIENTS,
    EVEN,
    STATES,
    THREE,
    Example,
    LookAlike,
    Mistake,
    finding,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


_LOCAL = ("127.", "localhost", "[::1]", "unix:")


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Address-hashed pools that only server blocks behind this very nginx send to, and whose front is not believed."""
    del capacity  # One key is one server, whatever the machine.
    inner = {door for line in config.passes if line.site for door in line.site.doors if door[0].startswith(_LOCAL)}
    fed = {line.host for line in config.passes} & {f"{host}:{port}" if port else host for host, port in inner}
    trusted = any(
        s.values and s.values[0].startswith(("127.", "::1", "unix:", "0.0.0.0/0"))
        for s in config.settings("set_real_ip_from")
    )
    if not fed or trusted or not config.real_ip:
        return
    for upstream in config.upstreams:
        method = upstream.method
        lines = [line for line in config.passes if line.host == upstream.name.lower()]
        doors = {door for line in lines if line.site for door in line.site.doors}
        if method is None or not doors or not doors <= inner or len(upstream.serving) < 2:
            continue
        if method.name == "ip_hash" or upstream.key & ADDRESS:
            message = (
                "Requests come to this pool from another server block of the same nginx, so every client has this "
                "machine's own address, and this line sends all of them to one server."
            )
            yield finding(MISTAKE.slug, upstream.name, (method.word, *method.args[:1]), message, MISTAKE.mend)


def _two_blocks(trusted: str, method: str = "ip_hash") -> str:
    return whole(
        f"upstream shop {{\n    {method};\n    {' '.join(THREE.split(chr(10)))}\n}}\n"
        f"{trusted}\nreal_ip_header X-Forwarded-For;\nproxy_set_header X-Forwarded-For $remote_addr;\n"
        "server { listen 80; location / { proxy_pass http://127.0.0.1:8081; } }\n"
        "server { listen 127.0.0.1:8081; location / { proxy_pass http://shop; } }"
    )


MISTAKE = Mistake(
    slug="hash-behind-loopback",
    title="A hash of one's own address",
    what="One server block passes requests to a second one of the same nginx over 127.0.0.1 (for a cache, a filter, an "
    "experiment), and the pool behind the second chooses by the client's address. The believed proxies include the "
    "CDN and not 127.0.0.1.",
    why="To the second block every client is this machine itself. The key has one value, and one server gets all.",
    clients=CLIENTS,
    states=STATES,
    seen="In the access log of the inner block `$remote_addr` is 127.0.0.1 in every line.",
    mend="Believe 127.0.0.1 as well (`set_real_ip_from`), and let the outer block hand the address on.",
    instead=_two_blocks("set_real_ip_from 198.19.77.0/24; set_real_ip_from 127.0.0.0/8;"),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_realip_module.html#set_real_ip_from", "NX-50"),
    decides="pool",
    directives=("ip_hash", "hash"),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "inner-block",
            _two_blocks("set_real_ip_from 198.19.77.0/24;"),
            guilty="ip_hash",
            share={"many": {ANY_ONE: 1.0}, "behind-cdn": {ANY_ONE: 1.0}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "believed",
            _two_blocks("set_real_ip_from 198.19.77.0/24; set_real_ip_from 127.0.0.0/8;"),
            "the inner block believes the outer one",
            share={"many": EVEN, "behind-cdn": EVEN},
        ),
        LookAlike(
            "by-page",
            _two_blocks("set_real_ip_from 198.19.77.0/24;", "hash $request_uri consistent"),
            "the address chooses nothing here",
        ),
    ),
)
