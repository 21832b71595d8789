"""Two balancers, and one of them rolled back."""

from __future__ import annotations

from autograder.mistakes.change_example import BAD, EVEN, GOOD, NGINX_GOOD
from autograder.mistakes.episode import Apply, Episode
from autograder.mistakes.mistake import Mistake

_HALF = (1 / 3 + 100 / 102) / 2


def _one(proxy: str) -> Episode:
    return Episode(
        name=f"{proxy}-one",
        told="Both balancers have the bad config; one is rolled back.",
        deeds=(Apply(BAD[proxy]), Apply(BAD[proxy], at=1), Apply(GOOD[proxy])),
        outcome="not-loaded",
        share={"many": {"app1": _HALF, "app2": (1 - _HALF) / 2, "app3": (1 - _HALF) / 2}},
        proxy=proxy,
    )


def _both(proxy: str) -> Episode:
    return Episode(
        name=f"{proxy}-both",
        told="Both balancers are rolled back.",
        deeds=(Apply(BAD[proxy]), Apply(BAD[proxy], at=1), Apply(GOOD[proxy]), Apply(GOOD[proxy], at=1)),
        outcome="restored",
        share={"many": EVEN},
        proxy=proxy,
    )


MISTAKE = Mistake(
    slug="one-of-two-balancers",
    title="One of two balancers rolled back",
    what="Several balancers take the same traffic (a pair, a name with several addresses), and the rollback reached "
    "only some of them.",
    why="Part of the clients is well and part is not, and whoever tries it by hand is mostly on the good side. The "
    "first server still has two thirds of the traffic. After a failover all of it is bad again.",
    clients=("many",),
    states=("just-reloaded",),
    seen="Ask each balancer by its own address which config it runs; count shares per balancer, not in sum.",
    mend="Roll back all of them in one step, and count how many run the wanted config before you call it done.",
    instead=NGINX_GOOD,
    versions="all nginx and HAProxy versions; measured with 1.31.3 and 2.8.25",
    sources=(
        "https://nginx.org/en/docs/control.html",
        "https://docs.haproxy.org/2.8/management.html#4",
    ),
    decides="change",
    directives=(),
    readers={},
    examples=(),
    look_alikes=(),
    episodes=(_one("nginx"), _one("haproxy")),
    done_right=(_both("nginx"), _both("haproxy")),
)
