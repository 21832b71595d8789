"""A hash of the first few characters of a page."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import EVEN, THREE, haproxy
from autograder.mistakes.mistake import ANY_ONE, CLIENTS, STATES, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


SHORT = 8
"""Characters below which the pages of a site begin alike."""


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``balance uri`` with ``len`` of a few characters, or ``depth 1``."""
    del capacity  # One key is one server, whatever the machine.
    for pool in config.web_pools:
        if pool.balance is None or pool.algorithm != "uri" or len(pool.machines) < 2:
            continue
        words = pool.balance.words
        for number, (name, value) in enumerate(itertools.pairwise(words[2:]), 2):
            least = {"len": SHORT, "depth": 2}.get(name.text, 0)
            if value.text.isascii() and value.text.isdecimal() and len(value.text) < 6 and int(value.text) < least:
                what = "characters" if name.text == "len" else "folder"
                message = (
                    f"This line looks at the first {value.text} {what} of a page's address only: all pages that begin "
                    "alike are sent to one server."
                )
                yield finding(MISTAKE.slug, pool.name, words[: number + 2], message, MISTAKE.mend)


def _uri(words: str) -> str:
    return haproxy(f"balance uri {words}\n{THREE}")


MISTAKE = Mistake(
    slug="coarse-page-key",
    title="Pages that begin alike",
    what="`balance uri` is told to look at the first few characters (`len 1`) or the first folder (`depth 1`) only.",
    why="The pages of a site begin alike: `/shop/…`, `/api/…`. What begins alike is one key, and one key is one "
    "server, however many pages there are.",
    clients=CLIENTS,
    states=STATES,
    seen="Count requests by the first folder of their path: one has most, and so has its server.",
    mend="Leave `len` and `depth` out, so that the whole path is the key.",
    instead=_uri("whole"),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-balance", "HA-02"),
    decides="pool",
    directives=("balance uri",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "first-letter",
            _uri("len 1"),
            guilty="balance uri len 1",
            share={"many": {ANY_ONE: 1.0}, "office": {ANY_ONE: 1.0}},
            proxy="haproxy",
        ),
        Example(
            "first-folder",
            _uri("whole depth 1"),
            guilty="balance uri whole depth 1",
            share={"many": {ANY_ONE: 1.0}},
            pages="/item/7",
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "whole", _uri("whole"), "every page is a key", share={"many": EVEN}, pages="checkout", proxy="haproxy"
        ),
        LookAlike("deep", _uri("depth 4"), "four folders tell most pages apart", proxy="haproxy"),
        LookAlike("long", _uri("len 64"), "64 characters tell most pages apart", proxy="haproxy"),
    ),
)
