"""The real address is awaited from a protocol that no door speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.address_hash import ADDRESS
from autograder.mistakes.mistake import ANY_ONE, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``real_ip_header proxy_protocol`` without ``listen … proxy_protocol``, where the address chooses the server."""
    del capacity  # One key is one server, whatever the machine.
    hashed = [u for u in config.upstreams if u.used and u.method and (u.method.name == "ip_hash" or u.key & ADDRESS)]
    spoken = any("proxy_protocol" in s.values for s in config.settings("listen"))
    for statement in config.settings("real_ip_header") if hashed and not spoken else ():
        if statement.values == ("proxy_protocol",):
            message = (
                "This line waits for the client's address in the PROXY protocol, which no door of this config speaks: "
                "every client has the address of the machine in front."
            )
            yield finding(MISTAKE.slug, hashed[0].name, (statement.word, *statement.args), message, MISTAKE.mend)


def _config(header: str, server: str = "") -> str:
    return nginx("ip_hash;\n" + THREE, http=f"set_real_ip_from 198.19.77.0/24; real_ip_header {header};", server=server)


MISTAKE = Mistake(
    slug="real-ip-without-protocol",
    title="An address that nobody sends",
    what="`real_ip_header proxy_protocol` takes the client's address from the PROXY protocol, and no `listen` has "
    "`proxy_protocol`.",
    why="nginx does not complain: it keeps the address it sees, which is that of the balancer in front. A hash of the "
    "address then has one key for everybody.",
    clients=("behind-cdn", "office", "subnet", "few"),
    states=STATES,
    seen="`$remote_addr` in the access log is the machine in front, in every line.",
    mend="Write `proxy_protocol` on the `listen` line if the machine in front speaks it, or name its header.",
    instead=_config("X-Forwarded-For"),
    versions="nginx since 1.5.12; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_realip_module.html#real_ip_header", "NX-01"),
    decides="client",
    directives=("real_ip_header",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "not-spoken",
            _config("proxy_protocol"),
            guilty="real_ip_header proxy_protocol",
            share={"behind-cdn": {ANY_ONE: 1.0}, "many": EVEN},
        ),
    ),
    look_alikes=(
        LookAlike(
            "header",
            _config("X-Forwarded-For"),
            "the header is what the machine in front sends",
            share={"behind-cdn": EVEN},
        ),
        LookAlike("spoken", _config("proxy_protocol", "listen 8443 proxy_protocol;"), "a door speaks it"),
    ),
)
