"""The file is right again, and nobody told the balancer."""

from __future__ import annotations

from autograder.mistakes.change_example import BAD, EVEN, GOOD, NGINX_GOOD, SKEWED
from autograder.mistakes.episode import Apply, Episode, Write
from autograder.mistakes.mistake import Mistake


def _forgotten(proxy: str) -> Episode:
    return Episode(
        name=f"{proxy}-forgotten",
        told="The file is rolled back, and the reload forgotten.",
        deeds=(Apply(BAD[proxy]), Write(GOOD[proxy])),
        outcome="not-loaded",
        share={"many": SKEWED},
        proxy=proxy,
    )


def _done(proxy: str) -> Episode:
    return Episode(
        name=f"{proxy}-loaded",
        told="The file is rolled back, checked and loaded.",
        deeds=(Apply(BAD[proxy]), Apply(GOOD[proxy])),
        outcome="restored",
        share={"many": EVEN},
        proxy=proxy,
    )


MISTAKE = Mistake(
    slug="written-not-loaded",
    title="Rolled back on disk only",
    what="The good config is back on disk, and no reload made the balancer read it: the bad one still runs.",
    why="A balancer reads its config when it starts and when it is told to. Everybody who looks at the file, at the "
    "repository or at `nginx -T` sees the good config and looks for the cause elsewhere, while clients suffer on.",
    clients=("many",),
    states=("just-reloaded",),
    seen="Compare the time of the file with the age of the workers (`ps -o lstart`), or ask the running process: a "
    "header with the config's version, HAProxy's `show info` and `show env`; `nginx -T` reads the disk, not what runs.",
    mend="Reload, and believe the rollback only when a worker of the new config answers.",
    instead=NGINX_GOOD,
    versions="all nginx and HAProxy versions; measured with 1.31.3 and 2.8.25",
    sources=(
        "https://nginx.org/en/docs/control.html",
        "https://docs.haproxy.org/2.8/management.html#4",
        "RB-03",
    ),
    decides="change",
    directives=(),
    readers={},
    examples=(),
    look_alikes=(),
    episodes=(_forgotten("nginx"), _forgotten("haproxy")),
    done_right=(_done("nginx"), _done("haproxy")),
)
