"""One error takes a whole server out, so one bad page takes them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import haproxy, servers
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import seconds, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig

LONG_S = 30.0
"""Seconds out from which on a single error costs too much: nginx's own setting is ten."""
FEW = 2
"""Errors in a row that say nothing about a server: two clients may open the same broken page."""
_OUT = ("mark-down", "sudden-death")


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``http_500`` in ``proxy_next_upstream``, and servers that one failure takes out for half a minute or more."""
    del capacity  # An error is one on any machine.
    for upstream in config.upstreams:
        lines = [line for line in config.passes if line.host == upstream.name.lower() and not line.for_operations]
        when = next((said for line in lines if (said := line.settings.get("proxy_next_upstream"))), None)
        word = next((word for word in when.args if word.text == "http_500"), None) if when else None
        if word is None or len(upstream.machines) < 2:
            continue
        away = [seconds(value(server.parameters.get("fail_timeout"))) or 10.0 for server in upstream.serving]
        if all(server.max_fails == 1 for server in upstream.serving) and min(away) >= LONG_S:
            message = (
                f"With this word one 500 of one page counts as the server's failure, and one failure takes it out for "
                f"{min(away):.0f} s: a page that fails everywhere takes out one server after the other."
            )
            yield finding(MISTAKE.slug, upstream.name, (word,), message, MISTAKE.mend)


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``observe layer7`` with an ``error-limit`` of one or two, and ``on-error`` that takes the server out."""
    del capacity  # An error is one on any machine.
    for pool in config.web_pools:
        for server in pool.serving[:1] if len(pool.machines) > 1 else ():
            observed, limit, then = (server.settings.get(name) for name in ("observe", "error-limit", "on-error"))
            if observed is None or observed.value != "layer7" or limit is None or then is None:
                continue
            if server.number("error-limit", 10) <= FEW and then.value in _OUT:
                message = (
                    f"With these words {limit.value} wrong answer in a row takes a server out, whatever page it was: a "
                    "page that fails everywhere takes out one server after the other."
                )
                yield finding(MISTAKE.slug, pool.name, limit.words, message, MISTAKE.mend)


def _nginx(words: str, when: str = "error timeout http_500") -> str:
    lines = "\n".join(f"server app{n}:8080 {words};".replace(" ;", ";") for n in (1, 2, 3))
    return nginx(lines, f"proxy_pass http://shop; proxy_next_upstream {when};")


def _haproxy(words: str) -> str:
    return haproxy(servers(*[f"check inter 30s {words}"] * 3))


_WITHOUT = {"app1": 0.5, "app2": 0.0, "app3": 0.5}

MISTAKE = Mistake(
    slug="one-bad-page",
    title="One bad page takes the servers out",
    what="A single error takes a server out for long: `http_500` in `proxy_next_upstream` with `max_fails=1` and a "
    "long `fail_timeout`, or `observe layer7 error-limit 1 on-error mark-down`.",
    why="One page in a hundred that always fails, a report or a search, takes out each server that it meets. Measured "
    "with 1 % of such requests one server of three had 91 to 95 % of the traffic; where the page fails on all, four "
    "fifths of all requests found no server at all.",
    clients=CLIENTS,
    states=("one-failing-fast",),
    seen="Servers go down and come back in turns while their health pages are fine; the errors are of one path.",
    mend="Count several errors before a server is out (`max_fails=5`, `error-limit 50`); bad pages are for alerts.",
    instead=_nginx("max_fails=5 fail_timeout=10s"),
    versions="all nginx versions; HAProxy `observe` since 1.4; measured with 1.22.1, 1.31.3 and 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#max_fails",
        "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_next_upstream",
        "https://docs.haproxy.org/2.8/configuration.html#5.2-observe",
        "NX-34",
        "HA-22",
    ),
    decides="failure",
    directives=(
        "proxy_next_upstream",
        "server max_fails",
        "server fail_timeout",
        "server observe",
        "server error-limit",
    ),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "a-minute-for-one",
            _nginx("max_fails=1 fail_timeout=60s"),
            guilty="http_500",
            share={"many": _WITHOUT},
            state="one-failing-fast",
            within=0.02,
        ),
        Example(
            "haproxy-one-error",
            _haproxy("observe layer7 error-limit 1 on-error mark-down"),
            guilty="error-limit 1",
            share={"many": _WITHOUT},
            state="one-failing-fast",
            failed=0.01,
            within=0.03,
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike("several", _nginx("max_fails=5 fail_timeout=60s"), "five failures say something about the server"),
        LookAlike("ten-seconds", _nginx(""), "nginx's own setting: back after ten seconds"),
        LookAlike("dead-only", _nginx("max_fails=1 fail_timeout=60s", "error timeout"), "no page does this"),
        LookAlike(
            "haproxy-fifty",
            _haproxy("observe layer7 error-limit 50 on-error mark-down"),
            "fifty in a row are no page",
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-looks-sooner",
            _haproxy("observe layer7 error-limit 1 on-error fastinter"),
            "one error only makes it look sooner",
            proxy="haproxy",
        ),
    ),
)
