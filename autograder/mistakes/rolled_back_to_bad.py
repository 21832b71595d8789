"""The version that was rolled back to was bad, too."""

from __future__ import annotations

from autograder.mistakes.change_example import EVEN, GOOD, NGINX_BAD, NGINX_GOOD, SKEWED, members
from autograder.mistakes.episode import Apply, Episode
from autograder.mistakes.mistake import Mistake, nginx

_WORSE = nginx(members(1))

MISTAKE = Mistake(
    slug="rolled-back-to-bad",
    title="Rolled back to a bad version",
    what="The version before the last one was restored, and it already had the mistake: only the one before that was "
    "good.",
    why="The version before is not the last known good one. A second attempt to mend something, a formatting commit, "
    "an automatic save: each pushes the good version one place further back, and an automatic rollback by one step "
    "goes to and fro between two bad ones.",
    clients=("many",),
    states=("just-reloaded",),
    seen="The config that runs is the one you wanted, and the shares are as bad as before.",
    mend="Keep which version was last seen to spread traffic well, and roll back to that one.",
    instead=GOOD["nginx"],
    versions="all nginx and HAProxy versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/control.html",),
    decides="change",
    directives=(),
    readers={},
    examples=(),
    look_alikes=(),
    episodes=(
        Episode(
            name="one-step",
            told="A bad change, a worse one to mend it, and one step back.",
            deeds=(Apply(NGINX_GOOD), Apply(NGINX_BAD), Apply(_WORSE), Apply(NGINX_BAD)),
            outcome="not-spread",
            share={"many": SKEWED},
        ),
    ),
    done_right=(
        Episode(
            name="last-known-good",
            told="The same changes, and back to the version that was seen to be good.",
            deeds=(Apply(NGINX_GOOD), Apply(NGINX_BAD), Apply(_WORSE), Apply(NGINX_GOOD)),
            outcome="restored",
            share={"many": EVEN},
        ),
    ),
)
