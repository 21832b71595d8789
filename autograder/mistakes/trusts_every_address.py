"""A hash of an address that everybody can write down for himself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.address_hash import ADDRESS
from autograder.mistakes.mistake import EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


_EVERYBODY = ("0.0.0.0/0", "::/0", "0/0")


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``set_real_ip_from`` for all the world, where a pool chooses its servers by the client's address."""
    del capacity  # Whoever wants to can overload any machine.
    hashed = [u for u in config.upstreams if u.used and u.method and (u.method.name == "ip_hash" or u.key & ADDRESS)]
    # From the PROXY protocol the address comes from whoever connects, not from whoever asks.
    kept = any(s.values == ("proxy_protocol",) for s in config.settings("real_ip_header"))
    for statement in config.settings("set_real_ip_from") if hashed and not kept else ():
        if statement.values and statement.values[0] in _EVERYBODY:
            message = (
                "With this line nginx believes any client what it says its address is; in the pool "
                f"{plain(hashed[0].name)} the address chooses the server, so the client does."
            )
            yield finding(MISTAKE.slug, hashed[0].name, (statement.word, *statement.args), message, MISTAKE.mend)


def _config(networks: str, method: str = "ip_hash;") -> str:
    return nginx(f"{method}\n{THREE}", http=f"{networks} real_ip_header X-Forwarded-For;")


MISTAKE = Mistake(
    slug="trusts-every-address",
    title="Every client may name its address",
    what="`set_real_ip_from 0.0.0.0/0` takes the address from a header of anybody, and the pool chooses the server by "
    "the address.",
    why="A client that writes one and the same address into each request is one to the hash, and one that writes "
    "a thousand is a thousand: whoever wants to can put his load on the server of his choice.",
    clients=("behind-cdn", "office"),
    states=STATES,
    seen="Send requests from one machine with different `X-Forwarded-For` headers: each goes where its header says.",
    mend="List the networks of your own proxies, and only those.",
    instead=_config("set_real_ip_from 198.19.77.0/24;"),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_realip_module.html#set_real_ip_from", "NX-49"),
    decides="client",
    directives=("set_real_ip_from",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "everybody",
            _config("set_real_ip_from 0.0.0.0/0;"),
            guilty="set_real_ip_from 0.0.0.0/0",
            share={"behind-cdn": EVEN},
        ),
    ),
    look_alikes=(
        LookAlike(
            "one-network",
            _config("set_real_ip_from 198.19.77.0/24;"),
            "only the CDN is believed",
            share={"behind-cdn": EVEN},
        ),
        LookAlike(
            "no-hash",
            _config("set_real_ip_from 0.0.0.0/0;", "least_conn;"),
            "the address chooses nothing here",
        ),
    ),
)
