"""A server that is still marked ``drain`` after its maintenance is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.capacity import declared
from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Lines marked ``drain`` in a pool that takes traffic, unless the server is declared out of service."""
    for upstream in config.upstreams:
        for server in upstream.serving if upstream.used else ():
            word = server.parameters.get("drain")
            if word and len(upstream.serving) > 1 and (capacity is None or declared(server, capacity)):
                message = (
                    f"This line sends no new client to {upstream.label(server)}: only those who were there before."
                )
                yield finding(MISTAKE.slug, upstream.name, (word,), message, MISTAKE.mend)


_STICKY = "sticky cookie route;\n"

MISTAKE = Mistake(
    slug="left-draining",
    title="A server left draining",
    what="A server is marked `drain`, so that its sessions could end before a maintenance; the maintenance is over and "
    "the word is still there.",
    why="Sessions end and none begin: the machine empties slowly, over hours, and nobody thinks of a line that "
    "was written last week. The others carry its part.",
    clients=CLIENTS,
    states=STATES,
    seen="Requests of one healthy machine fall for hours, down to none; clients without its cookie never reach it.",
    mend="Remove `drain` once the maintenance is over.",
    instead=nginx(_STICKY + THREE),
    versions="nginx since 1.29.6 (commercial before); measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_upstream_module.html#drain", "NX-45"),
    decides="absence",
    directives=("server drain",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "sticky",
            nginx(_STICKY + "server app1:8080;\nserver app2:8080 drain;\nserver app3:8080;"),
            guilty="drain",
            share={"office": {"app1": 0.5, "app2": 0.0, "app3": 0.5}, "many": {"app2": 0.0}},
        ),
    ),
    look_alikes=(
        LookAlike("comment", nginx(_STICKY + "# drain app2 first\n" + THREE), "a comment", share={"office": EVEN}),
        LookAlike(
            "declared",
            nginx(_STICKY + "server app1:8080;\nserver app2:8080 drain;"),
            "app2 is not among the servers that are declared to serve",
            capacity={"app1": 1},
        ),
    ),
)
