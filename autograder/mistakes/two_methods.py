"""Two ways of choosing a server in one pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    nginx,
)
from autograder.mistakes.nginx_config import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Pools with two or more different methods; the finding points at the last one, which is in force."""
    del capacity  # What is ignored is ignored on any machine.
    for upstream in config.upstreams:
        methods = [statement for statement in upstream.block if statement.name in METHODS]
        if not upstream.used or len({statement.name for statement in methods}) < 2:
            continue
        last = methods[-1]
        others = " and ".join(dict.fromkeys(s.name for s in methods[:-1] if s.name != last.name))
        message = f"With this line {last.name} alone chooses the server: {others} above it does nothing."
        yield finding(MISTAKE.slug, upstream.name, (last.word, *last.args), message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="two-methods",
    title="Two methods in one pool",
    what="A pool has two lines that choose the server, such as `least_conn` and `ip_hash`. nginx takes the last one "
    "and drops the other; `nginx -t` prints a warning and succeeds.",
    why="The method somebody trusts is not in force. Where `ip_hash` was added below `least_conn`, an office or a CDN "
    "is one server again; where a hash for sessions is overruled, sessions break.",
    clients=CLIENTS,
    states=STATES,
    seen="`nginx -t` warns `load balancing method redefined`; the traffic follows the last line.",
    mend="Keep the one method you mean and delete the other.",
    instead=nginx("least_conn;\n" + THREE),
    versions="all nginx versions; measured with 1.22.1 and 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_upstream_module.html#least_conn", "NX-21"),
    decides="pool",
    directives=("least_conn", "ip_hash", "hash", "random"),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "address-wins",
            nginx("least_conn;\nip_hash;\n" + THREE),
            guilty="ip_hash",
            share={"office": {ANY_ONE: 1.0}, "subnet": {ANY_ONE: 1.0}},
            also=("address-hash",),
        ),
        Example(
            "hash-undone",
            nginx("hash $request_uri consistent;\nrandom two;\n" + THREE),
            guilty="random two",
            share={"many": EVEN},
            pages="/item/7",
        ),
    ),
    look_alikes=(
        LookAlike(
            "one-each",
            nginx(
                "least_conn;\n" + THREE,
                http="upstream search { hash $request_uri; server app1:8080; server app2:8080; }",
                server="location /search { proxy_pass http://search; }",
            ),
            "each pool has one method",
        ),
        LookAlike("no-method", nginx("keepalive 16;\nzone shop 64k;\n" + THREE), "these choose no server"),
        LookAlike("comment", nginx("least_conn;\n# ip_hash;\n" + THREE), "a comment", share={"office": EVEN}),
    ),
)
