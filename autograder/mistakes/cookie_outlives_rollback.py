"""Cookies that hold clients to a server long after the reason is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.change_example import ALL, EVEN, members
from autograder.mistakes.episode import Apply, Episode, Visit
from autograder.mistakes.haproxy_config import milliseconds
from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig

LONG_S = 7 * 86_400.0
"""Seconds from which on a cookie outlives whatever it was given for: a basket lives for hours."""
_MESSAGE = (
    "These words keep a client on its server for {:.0f} days: whoever was given this cookie while all traffic met one "
    "server stays there after the config is right again."
)


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``sticky cookie`` with ``expires`` of a week and more, or ``max``."""
    del capacity  # A cookie does not know it.
    for upstream in config.upstreams:
        for sticky in upstream.named("sticky"):
            if not upstream.used or sticky.values[:1] != ("cookie",) or len(upstream.serving) < 2:
                continue
            for word in sticky.args[2:]:
                name, _, text = word.text.partition("=")
                lasts = 3650 * 86_400.0 if text == "max" else seconds(text)
                if name == "expires" and lasts is not None and lasts >= LONG_S:
                    yield finding(MISTAKE.slug, upstream.name, (word,), _MESSAGE.format(lasts / 86_400), MISTAKE.mend)


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``cookie … insert`` with ``maxidle`` or ``maxlife`` of a week and more (the shorter of the two ends it)."""
    del capacity  # A cookie does not know it.
    for pool in config.web_pools:
        for line in pool.lines("cookie")[-1:]:
            said = dict(zip(line.words[1:], line.words[2:], strict=False))
            ends = [(word, after) for word, after in said.items() if word.text in ("maxidle", "maxlife")]
            times = [(milliseconds(after.text) or 0.0, word, after) for word, after in ends]
            if len(pool.machines) < 2 or not times:
                continue
            lasts, word, after = min(times, key=lambda one: one[0])
            if lasts >= LONG_S * 1000:
                message = _MESSAGE.format(lasts / 86_400_000)
                yield finding(MISTAKE.slug, pool.name, (word, after), message, MISTAKE.mend)


def _nginx(number: int, cookie: str = "route", expires: str = "30d") -> str:
    return nginx(f"sticky cookie {cookie} expires={expires};\n{members(number)}")


def _haproxy(number: int, cookie: str = "SRV", words: str = "") -> str:
    named = [f"{CHECKED} cookie c{n}" for n in range(1, number + 1)]
    return haproxy(f"cookie {cookie} insert indirect nocache {words}".rstrip() + f"\n{servers(*named)}")


MISTAKE = Mistake(
    slug="cookie-outlives-rollback",
    title="Cookies that outlive the rollback",
    what="Clients are held to a server by a cookie that lasts for weeks, or for as long as the browser is open, and a "
    "rollback does not change the cookie's name.",
    why="While the bad config ran, every new client was given a cookie for the one server that took everything. The "
    "rollback spreads new clients; all others bring their cookie and go on to that server. Measured: 90 of 90 stayed.",
    clients=("many", "few", "zipf", "kept-alive"),
    states=("all-up", "just-reloaded"),
    seen="A new private window is served by another server, your own browser always by the hot one. Share of requests "
    "with a cookie against those without, per server.",
    mend="Let the cookie last as long as a basket does, and give it a new name in the rollback.",
    instead=_nginx(3, expires="1h"),
    versions="nginx since 1.29.6 (before that commercial); HAProxy `maxidle` and `maxlife` since 1.4; measured with "
    "1.31.3 and 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#sticky_cookie",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-cookie",
        "NX-45",
        "HA-15",
        "RB-05",
    ),
    decides="change",
    directives=("sticky cookie", "cookie"),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example("month", _nginx(3), guilty="expires=30d", share={"many": EVEN}),
        Example("for-ever", _nginx(3, expires="max"), guilty="expires=max", share={"many": EVEN}),
        Example(
            "haproxy-month",
            _haproxy(3, words="maxidle 30d maxlife 90d"),
            guilty="maxidle 30d",
            share={"many": EVEN},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike("an-hour", _nginx(3, expires="1h"), "about as long as a basket", share={"many": EVEN}),
        LookAlike("session", nginx(f"sticky cookie route;\n{members(3)}"), "ends with the browser"),
        LookAlike(
            "haproxy-working-day",
            _haproxy(3, words="maxidle 30m maxlife 8h"),
            "ends within the day",
            share={"many": EVEN},
            proxy="haproxy",
        ),
        LookAlike("haproxy-one-limit", _haproxy(3, words="maxidle 30m maxlife 30d"), "idle ones end", proxy="haproxy"),
    ),
    episodes=(
        Episode(
            name="nginx-same-name",
            told="For a while the pool has one server; then the config is rolled back, cookie and all.",
            deeds=(Apply(_nginx(1)), Visit(), Apply(_nginx(3))),
            outcome="state-outlives",
            share={"many": EVEN},
            returning=ALL,
        ),
        Episode(
            name="haproxy-same-name",
            told="For a while the pool has one server; then the config is rolled back, cookie and all.",
            deeds=(Apply(_haproxy(1)), Visit(), Apply(_haproxy(3))),
            outcome="state-outlives",
            share={"many": EVEN},
            returning=ALL,
            proxy="haproxy",
        ),
    ),
    done_right=(
        Episode(
            name="nginx-new-name",
            told="The same, and the rollback gives the cookie a new name.",
            deeds=(Apply(_nginx(1)), Visit(), Apply(_nginx(3, cookie="route2"))),
            outcome="restored",
            share={"many": EVEN},
            returning=EVEN,
        ),
        Episode(
            name="haproxy-new-name",
            told="The same, and the rollback gives the cookie a new name.",
            deeds=(Apply(_haproxy(1)), Visit(), Apply(_haproxy(3, cookie="SRV2"))),
            outcome="restored",
            share={"many": EVEN},
            returning=EVEN,
            proxy="haproxy",
        ),
    ),
)
