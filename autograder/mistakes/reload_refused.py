"""A reload that the balancer refused, and nobody heard it."""

from __future__ import annotations

from autograder.mistakes.change_example import BAD, EVEN, GOOD, NGINX_BAD, NGINX_GOOD, SKEWED
from autograder.mistakes.episode import Apply, Episode, Signal, Write
from autograder.mistakes.mistake import Mistake

_SLIP = {"nginx": ("proxy_pass", "proxy_pas"), "haproxy": ("bind :80", "bint :80")}
_SAME_DOOR = "stream {\n    upstream db { server app1:8080; }\n    server { listen 80; proxy_pass db; }\n}\n"


def _refused(proxy: str) -> Episode:
    return Episode(
        name=f"{proxy}-slip",
        told="The rollback has a slip of the pen; a signal asks for the reload, and the command ends well.",
        deeds=(Apply(BAD[proxy]), Write(GOOD[proxy].replace(*_SLIP[proxy])), Signal()),
        outcome="not-loaded",
        share={"many": SKEWED},
        proxy=proxy,
    )


def _heard(proxy: str) -> Episode:
    return Episode(
        name=f"{proxy}-signal",
        told="The same signal with a config that is right.",
        deeds=(Apply(BAD[proxy]), Write(GOOD[proxy]), Signal()),
        outcome="restored",
        share={"many": EVEN},
        proxy=proxy,
    )


MISTAKE = Mistake(
    slug="reload-refused",
    title="The reload that kept the old config",
    what="A reload was asked for and ended without an error, but the new config could not be loaded, and the balancer "
    "went on with the old one.",
    why="`kill -HUP` and `kill -USR2` only deliver a signal: they end well whatever becomes of it. nginx even passes "
    "`nginx -t` and `nginx -s reload` and fails afterwards, when a socket is taken. The change, or the rollback, did "
    "not happen, and the next restart will not come up at all.",
    clients=("many",),
    states=("just-reloaded",),
    seen="nginx: `[emerg]` in the error log after the signal, workers as old as before. HAProxy: `Loading failure!` in "
    "its log, `Success=0` from the master CLI's `reload`, and `failed: 1` in `show proc`.",
    mend="Check before every reload (`nginx -t`, `haproxy -c`), and see afterwards that workers of the new config run.",
    instead=NGINX_GOOD,
    versions="all nginx versions; HAProxy in master-worker mode, `reload` on the master CLI since 2.7; measured with "
    "1.31.3 and 2.8.25",
    sources=(
        "https://nginx.org/en/docs/control.html",
        "https://docs.haproxy.org/2.8/management.html#9.4",
        "RB-01",
        "RB-02",
        "RB-08",
    ),
    decides="change",
    directives=(),
    readers={},
    examples=(),
    look_alikes=(),
    episodes=(
        _refused("nginx"),
        _refused("haproxy"),
        Episode(
            name="door-taken",
            told="nginx -t finds nothing: only when nginx opens its sockets is one of them taken, by another block.",
            deeds=(Apply(NGINX_BAD), Write(NGINX_GOOD + _SAME_DOOR), Signal()),
            outcome="not-loaded",
            share={"many": SKEWED},
        ),
    ),
    done_right=(_heard("nginx"), _heard("haproxy")),
)
