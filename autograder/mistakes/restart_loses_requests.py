"""A restart where a reload would do."""

from __future__ import annotations

from autograder.mistakes.change_example import BAD, EVEN, GOOD, NGINX_GOOD
from autograder.mistakes.episode import Apply, During, Episode, Restart, Write
from autograder.mistakes.mistake import Mistake


def _restarted(proxy: str) -> Episode:
    return Episode(
        name=f"{proxy}-restart",
        told="Under traffic, the good config is put in place and the balancer restarted.",
        deeds=(Apply(BAD[proxy]), During((Write(GOOD[proxy]), Restart()))),
        outcome="traffic-lost",
        share={"many": EVEN},
        proxy=proxy,
    )


def _reloaded(proxy: str) -> Episode:
    return Episode(
        name=f"{proxy}-reload",
        told="Under the same traffic, the good config is loaded by a reload.",
        deeds=(Apply(BAD[proxy]), During((Apply(GOOD[proxy]),))),
        outcome="restored",
        share={"many": EVEN},
        proxy=proxy,
    )


MISTAKE = Mistake(
    slug="restart-loses-requests",
    title="A restart where a reload would do",
    what="A config is changed, or rolled back, by stopping the balancer and starting it again.",
    why="Between the two nobody listens: new connections are refused, and every request in work is cut off. Measured "
    "at 400 requests a second, five restarts in ten seconds lose 3 to 4 % of them; five reloads lose none. If the new "
    "config has a slip, the balancer does not come back at all.",
    clients=("many",),
    states=("fresh-start",),
    seen="Clients see refused and reset connections just when the config was changed; the main process has a new id.",
    mend="Reload (`systemctl reload`, `nginx -s reload`, the master CLI's `reload`): old workers end what they have.",
    instead=NGINX_GOOD,
    versions="all nginx versions; HAProxy in master-worker mode since 1.8; measured with 1.31.3 and 2.8.25",
    sources=(
        "https://nginx.org/en/docs/control.html",
        "https://docs.haproxy.org/2.8/management.html#4",
        "RB-11",
    ),
    decides="change",
    directives=(),
    readers={},
    examples=(),
    look_alikes=(),
    episodes=(_restarted("nginx"), _restarted("haproxy")),
    done_right=(_reloaded("nginx"), _reloaded("haproxy")),
)
