"""A key made of so little of the address that everybody has the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import EVEN, THREE, haproxy
from autograder.mistakes.mistake import ANY_ONE, CLIENTS, STATES, Example, LookAlike, Mistake, finding
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


_MASK = re.compile(r"\bsrc,ipmask\(([0-9]{1,2})(?:,[^)]*)?\)")
WIDE = 16
"""Masks of this many bits and fewer leave whole companies and providers as one client."""


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``ipmask`` of 16 bits or fewer in what a hash or a stick table goes by."""
    del capacity  # One key is one server, whatever the machine.
    for pool in config.pools:
        if not pool.used or len(pool.machines) < 2:
            continue
        lines = [line for line in pool.own("stick") if line.values[0] in ("on", "match", "store-request")]
        for line in (*lines, *((pool.balance,) if pool.balance else ())):
            for number, word in enumerate(line.words):
                mask = _MASK.search(word.text)
                if mask and int(mask[1]) <= WIDE:
                    message = (
                        f"{plain(word.text)} keeps the first {mask[1]} bits of an address, so this line sends all "
                        "clients whose addresses begin alike to one server."
                    )
                    yield finding(MISTAKE.slug, pool.name, line.words[: number + 1], message, MISTAKE.mend)


_TABLE = "stick-table type ip size 100k expire 30m\n"

MISTAKE = Mistake(
    slug="mask-too-wide",
    title="A mask that makes one client of many",
    what="Stickiness or a hash goes by the client's address cut down to 16 bits or fewer (`src,ipmask(16)`).",
    why="A provider, a mobile network or a whole company begins with the same two numbers. All their people are one "
    "key, and one key is one server.",
    clients=CLIENTS,
    states=STATES,
    seen="`show table` has a handful of entries for thousands of clients.",
    mend="Keep 24 bits of an IPv4 address or all of it, or go by something each client has for itself.",
    instead=haproxy("balance hash src,ipmask(24)\n" + THREE),
    versions="`balance hash` since 2.6, `ipmask` in stick rules since 1.5; measured with 2.8.25",
    sources=(
        "https://docs.haproxy.org/2.8/configuration.html#7.3.1-ipmask",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-stick%20on",
        "HA-01",
    ),
    decides="client",
    directives=("balance hash", "stick on"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "hash",
            haproxy("balance hash src,ipmask(16)\n" + THREE),
            guilty="balance hash src,ipmask(16)",
            share={"many": {ANY_ONE: 1.0}, "subnet": {ANY_ONE: 1.0}, "few": {ANY_ONE: 1.0}},
            proxy="haproxy",
        ),
        Example(
            "stick",
            haproxy(f"{_TABLE}stick on src,ipmask(8)\n{THREE}"),
            guilty="stick on src,ipmask(8)",
            share={"many": {ANY_ONE: 1.0}, "zipf": {ANY_ONE: 1.0}},
            proxy="haproxy",
            acquainted=True,  # the entry is made by the first answer, not by the first request
        ),
    ),
    look_alikes=(
        LookAlike(
            "last-number",
            haproxy("balance hash src,ipmask(24)\n" + THREE),
            "250 networks are 250 keys",
            share={"many": EVEN},
            proxy="haproxy",
            within=0.08,
        ),
        LookAlike(
            "counting",
            haproxy(
                THREE,
                "stick-table type ip size 100k expire 30m store http_req_rate(10s)\n"
                "http-request track-sc0 src,ipmask(16)\ndefault_backend shop",
            ),
            "counting requests of a network chooses no server",
            share={"many": EVEN},
            proxy="haproxy",
            within=0.02,
        ),
    ),
)
