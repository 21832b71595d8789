"""A mend that only the running program knows."""

from __future__ import annotations

from autograder.mistakes.change_example import EVEN, HAPROXY_BAD, HAPROXY_GOOD, SKEWED
from autograder.mistakes.episode import Apply, Episode, Say, Signal
from autograder.mistakes.mistake import Mistake

_EQUAL = Say("set server shop/web1 weight 1")

MISTAKE = Mistake(
    slug="mended-at-runtime-only",
    title="A mend that the next reload forgets",
    what="What was wrong was put right over the Runtime API (`set server … weight`, `state`, `addr`), and the config "
    "file still says the old thing.",
    why="Changes over the Runtime API live in the memory of one worker. The next reload, for whatever reason and by "
    "whomever, brings back what the file says: the outage returns, hours later, after a change that has nothing to do "
    "with it. The same happens to a server that was taken out by hand: the reload puts it back to work.",
    clients=("many",),
    states=("just-reloaded",),
    seen="`show servers state` and the file say different things: compare weights, addresses and states.",
    mend="Write to the file what you say to the Runtime API, in the same change.",
    instead=HAPROXY_GOOD,
    versions="all HAProxy versions with a Runtime API (1.5 and later); measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/management.html#9.3-set%20server", "RB-06"),
    decides="change",
    directives=(),
    readers={},
    examples=(),
    look_alikes=(),
    episodes=(
        Episode(
            name="reloaded-later",
            told="A weight is mended over the Runtime API; later somebody reloads.",
            deeds=(Apply(HAPROXY_BAD), _EQUAL, Signal()),
            outcome="not-spread",
            share={"many": SKEWED},
            proxy="haproxy",
        ),
        Episode(
            name="still-on-disk",
            told="The weight is mended over the Runtime API, and that is all.",
            deeds=(Apply(HAPROXY_BAD), _EQUAL),
            outcome="not-loaded",
            share={"many": EVEN},
            wanted=HAPROXY_GOOD,
            proxy="haproxy",
        ),
    ),
    done_right=(
        Episode(
            name="file-too",
            told="The weight is mended over the Runtime API at once, and in the file after that.",
            deeds=(Apply(HAPROXY_BAD), _EQUAL, Apply(HAPROXY_GOOD), Signal()),
            outcome="restored",
            share={"many": EVEN},
            proxy="haproxy",
        ),
    ),
)
