"""A consistent hash whose function leaves similar keys side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import EVEN, THREE, haproxy
from autograder.mistakes.mistake import ANY_ONE, STATES, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


_FUNCTIONS = ("sdbm", "djb2", "wt6", "crc32")


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``hash-type consistent`` with a function named and no ``avalanche``, where it is known to clump."""
    del capacity  # Where the keys lie has nothing to do with the machines.
    for pool in config.pools:
        lines = pool.lines("hash-type")
        if not pool.used or not pool.hashed or not lines or len(pool.machines) < 2:
            continue
        values = lines[-1].values
        if values[0] != "consistent" or len(values) < 2 or values[1] not in _FUNCTIONS or "avalanche" in values:
            continue
        # Addresses are hashed as numbers, which none of the functions mixes; texts clump with djb2.
        if pool.algorithm == "source" or values[1] == "djb2":
            message = (
                f"{values[1]} alone gives similar keys similar hashes, and on the ring neighbours belong to one "
                "server: this line sends crowds of clients there together."
            )
            yield finding(MISTAKE.slug, pool.name, lines[-1].words, message, MISTAKE.mend)


def _source(kind: str) -> str:
    return f"balance source\nhash-type {kind}\n{THREE}"


def _header(kind: str) -> str:
    return f"balance hdr(x-forwarded-for)\nhash-type {kind}\n{THREE}"


_REAL = "http-request set-src req.hdr(x-forwarded-for) if { src 203.0.113.7 }"

MISTAKE = Mistake(
    slug="clumped-keys",
    title="Keys in clumps",
    what="`hash-type consistent` names a hash function and leaves out `avalanche`.",
    why="The servers sit on a ring, and a key belongs to the next server on it. Without `avalanche` similar keys, such "
    "as the addresses of one country or users numbered in a row, get neighbouring places, so thousands of clients in "
    "hundreds of networks land on one server. Without a function the same line spreads them well.",
    clients=("many", "subnet", "behind-cdn", "kept-alive", "zipf", "streaming"),
    states=STATES,
    seen="Count requests per server with many different keys: one server has most, another next to none.",
    mend="Leave the function out (`hash-type consistent` alone mixes well), or add `avalanche`.",
    instead=haproxy(f"{_source('consistent')}", _REAL + "\ndefault_backend shop"),
    versions="HAProxy since 1.5; measured with 2.6.12 and 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-hash-type", "HA-25"),
    decides="pool",
    directives=("hash-type",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "addresses",
            haproxy(_source("consistent sdbm"), _REAL + "\ndefault_backend shop"),
            guilty="hash-type consistent sdbm",
            share={"many": {ANY_ONE: 1.0}, "subnet": {ANY_ONE: 1.0}},
            proxy="haproxy",
        ),
        Example(
            "texts",
            haproxy(_header("consistent djb2")),
            guilty="hash-type consistent djb2",
            share={"behind-cdn": {ANY_ONE: 0.52}},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "avalanche",
            haproxy(_header("consistent djb2 avalanche")),
            "avalanche mixes the hashes",
            share={"behind-cdn": EVEN},
            proxy="haproxy",
        ),
        LookAlike("no-function", haproxy(_header("consistent")), "mixed", share={"behind-cdn": EVEN}, proxy="haproxy"),
        LookAlike(
            "by-position",
            haproxy(_header("map-based djb2")),
            "without a ring, neighbours belong to different servers",
            share={"behind-cdn": EVEN},
            proxy="haproxy",
        ),
    ),
)
