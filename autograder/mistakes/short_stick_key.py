"""A stick table whose keys are too short to tell clients apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import EVEN, THREE, haproxy
from autograder.mistakes.mistake import ANY_ONE, STATES, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


SHORT = 8
"""Characters below which addresses, sessions and pages begin alike."""


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``type string`` (or ``binary``) tables with a few characters a key, where a stick rule uses them."""
    del capacity  # One key is one server, whatever the machine.
    for pool in config.pools:
        rules = [line for line in pool.own("stick") if line.values[0] in ("on", "match", "store-request")]
        if not pool.used or len(pool.machines) < 2 or not rules or any("table" in line.values for line in rules):
            continue
        for line in pool.own("stick-table"):
            words = line.words
            texts = [word.text for word in words]
            if "len" in texts[3:-1] and texts[2] in ("string", "binary"):
                at = texts.index("len", 3)
                if texts[at + 1].isdecimal() and len(texts[at + 1]) < 4 and int(texts[at + 1]) < SHORT:
                    message = (
                        f"This table keeps the first {texts[at + 1]} characters of a key, so all clients whose keys "
                        "begin alike are sent to one server."
                    )
                    yield finding(MISTAKE.slug, pool.name, words[at : at + 2], message, MISTAKE.mend)


def _sticky(length: str, sample: str) -> str:
    return f"stick-table type string {length} size 100k expire 30m\nstick on {sample}\n{THREE}"


_EDGE = "req.hdr(x-forwarded-for)"

MISTAKE = Mistake(
    slug="short-stick-key",
    title="Keys cut short",
    what="The stick table keeps strings of a few characters (`type string len 5`), too short to tell clients apart.",
    why="HAProxy cuts every key to that length without a word. Addresses, sessions and pages often begin alike; cut "
    "short they are one key, and one key is one server.",
    clients=("many", "behind-cdn", "kept-alive", "zipf"),
    states=STATES,
    seen="`show table` shows keys that end in the middle, and far fewer of them than there are clients.",
    mend="Give the table the length of the longest key (32 characters is what it has without `len`).",
    instead=haproxy(_sticky("len 40", _EDGE)),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-stick-table",),
    decides="client",
    directives=("stick-table",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "forwarded-for",
            haproxy(_sticky("len 5", _EDGE)),
            guilty="len 5",
            share={"behind-cdn": {ANY_ONE: 1.0}},
            proxy="haproxy",
            acquainted=True,  # the entry is made by the first answer, not by the first request
        ),
        Example(
            "page",
            haproxy(_sticky("len 1", "path")),
            guilty="len 1",
            share={"many": {ANY_ONE: 1.0}},
            proxy="haproxy",
            acquainted=True,  # of those that come before the first answer each makes the entry anew, for its own server
        ),
    ),
    look_alikes=(
        LookAlike(
            "long-enough",
            haproxy(_sticky("len 40", _EDGE)),
            "a whole address fits",
            share={"behind-cdn": EVEN},
            proxy="haproxy",
        ),
        LookAlike("default", haproxy(_sticky("", _EDGE)), "32 characters", share={"behind-cdn": EVEN}, proxy="haproxy"),
        LookAlike(
            "no-rule",
            haproxy("stick-table type string len 5 size 100k expire 30m store http_req_cnt\n" + THREE),
            "a table that only counts chooses no server",
            share={"many": EVEN},
            proxy="haproxy",
        ),
    ),
)
