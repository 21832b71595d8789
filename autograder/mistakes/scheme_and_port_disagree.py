"""TLS is spoken to the port for plain HTTP, or the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain, split_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``https://`` to servers at port 80 (also where no port is written), and ``http://`` to servers at 443."""
    del capacity  # None of them understands.
    for line in config.passes:
        upstream = config.upstream(line.host)
        scheme = line.target.text.partition("://")[0].lower()
        wrong = {"https": "80", "http": "443"}.get(scheme)
        for server in upstream.serving if upstream and wrong else ():
            port = split_port(server.address)[1]
            if server.host.startswith("unix:") or (port or "80") != wrong:
                continue
            spoken = "TLS" if scheme == "https" else "plain HTTP"
            where = f"port {wrong}" if port else "port 80, because no port is written"
            message = (
                f"{spoken} is spoken to {plain(server.host)} at {where}: no request that it is given succeeds there."
            )
            yield finding(MISTAKE.slug, line.host, (server.word,), message, MISTAKE.mend)


_NO_PORTS = "server app1;\nserver app2;\nserver app3;"

MISTAKE = Mistake(
    slug="scheme-and-port-disagree",
    title="TLS to the port for plain HTTP",
    what="`proxy_pass https://` goes to a pool whose lines have no port. In a pool that means 80, whatever the scheme "
    "says. Or `http://` goes to servers at port 443.",
    why="Every server fails in the same way, so nginx puts all of them out and answers 502. Where only some lines are "
    "wrong, those servers do nothing, and the others carry their part.",
    clients=CLIENTS,
    states=STATES,
    seen="`SSL_do_handshake() failed`, `wrong version number` or `Connection refused` in the error log.",
    mend="Write the port beside each server: 443 for https, 80 for http.",
    instead=nginx("server app1:443;\nserver app2:443;", "proxy_pass https://shop;"),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server",),
    decides="pool",
    directives=("proxy_pass", "server"),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "no-ports",
            nginx(_NO_PORTS, "proxy_pass https://shop;"),
            guilty="app1",
            share={"many": {"app1": 0.0, "app2": 0.0, "app3": 0.0}},
            failed=1.0,
        ),
        Example(
            "one-line",
            nginx("server app1:8080;\nserver app2:443;\nserver app3:8080;"),
            guilty="app2:443",
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
        ),
    ),
    look_alikes=(
        LookAlike("plain", nginx(_NO_PORTS), "port 80 is for plain HTTP"),
        LookAlike("own-ports", nginx(THREE), "8080 may be either", share={"many": EVEN}),
        LookAlike("tls", nginx(_NO_PORTS.replace(";", ":8443;"), "proxy_pass https://shop;"), "8443 may be either"),
    ),
)
