"""So many reloads that round robin never gets beyond its first server."""

from __future__ import annotations

from autograder.mistakes.change_example import ALL, EVEN, GOOD, NGINX_GOOD
from autograder.mistakes.episode import Apply, Episode, Reloading, Signal
from autograder.mistakes.mistake import Mistake


def _each_time(proxy: str) -> Episode:
    return Episode(
        name=f"{proxy}-each-time",
        told="A reload for each request, as where a program writes the config whenever something moves.",
        deeds=(Apply(GOOD[proxy]), Reloading()),
        outcome="not-spread",
        share={"many": ALL},
        within=0.15,
        proxy=proxy,
    )


def _once(proxy: str) -> Episode:
    return Episode(
        name=f"{proxy}-once",
        told="One reload, and then traffic.",
        deeds=(Apply(GOOD[proxy]), Signal()),
        outcome="restored",
        share={"many": EVEN},
        proxy=proxy,
    )


MISTAKE = Mistake(
    slug="reloaded-too-often",
    title="Reloaded before the round is over",
    what="The balancer is reloaded (or started) so often, or so many small ones run side by side, that each answers "
    "only a few requests before it begins anew.",
    why="A fresh round robin starts at the first server of the list; nginx's `zone` does not keep its place over a "
    "reload, nor does HAProxy. With a reload for each request the first server gets all of them, with twenty fresh "
    "balancers and one request each as well. Service discovery that reloads at every event does this at night, when "
    "there are more events than requests.",
    clients=("many",),
    states=("just-reloaded", "fresh-start"),
    seen="The first server of the list leads, the last one trails, and more so the lower the traffic; count reloads "
    "a minute in the log and compare with requests a minute.",
    mend="Gather changes into few reloads, or let chance choose (`random`, `balance random`), which needs no memory.",
    instead=NGINX_GOOD.replace("upstream shop {", "upstream shop {\n        random;"),
    versions="all nginx versions, HAProxy with `balance roundrobin`, `static-rr` and `leastconn`; measured with nginx "
    "1.31.3 and HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#random",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-balance",
        "NX-38",
        "HA-33",
    ),
    decides="change",
    directives=(),
    readers={},
    examples=(),
    look_alikes=(),
    episodes=(_each_time("nginx"), _each_time("haproxy")),
    done_right=(_once("nginx"), _once("haproxy")),
)
