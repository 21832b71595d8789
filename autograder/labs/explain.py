"""Why was this seen? Joins what traffic showed with what can be read in the config."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autograder.mistakes.finding import Finding
    from autograder.stack.model import Stack

_ORDER = {
    "one-server": ("pool", "client", "server", "absence"),
    "skewed": ("pool", "server", "absence", "client", "size"),
    "silent": ("pool", "absence", "client", "server"),
    "errors": ("failure", "pool", "server", "absence", "client"),
    "crashed": ("pool", "server", "size", "client", "absence"),
}
"""What was seen → for whom a mistake must decide to explain it (``Mistake.decides``), the most likely first.

What decides for all requests of a pool does so whatever weights and flags say: it is mended first, then one measures,
and sees the next.
"""
_SHOWN_AS = {"crashed": "skewed"}
"""A server crashes of too much; what that looks like before is in the catalogue."""


def causes_of(
    seen: str,
    findings: Sequence[Finding],
) -> tuple[Finding, ...]:
    """The findings that can cause what was ``seen``, the most likely first.

    ``seen`` is ``one-server`` (nearly all traffic on one), ``skewed`` (some server has too much), ``silent`` (some
    server gets nothing, nobody too much), ``errors`` (clients saw a dead server) or ``crashed``. Of mistakes that
    decide for the same requests, the one that shows it the strongest comes first, as its examples measured.
    """
    from autograder.mistakes.catalogue import mistakes

    order, symptom = _ORDER[seen], _SHOWN_AS.get(seen, seen)
    entries = {mistake.slug: mistake for mistake in mistakes()}
    known = [f for f in findings if f.mistake in entries and entries[f.mistake].decides in order]

    def place(found: Finding) -> tuple[int, float, str, int]:
        entry = entries[found.mistake]
        return order.index(entry.decides), -entry.symptoms.get(symptom, 0.0), found.file, found.line

    return tuple(sorted(known, key=place))


def read_findings(stack: Stack, files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """What the catalogue finds in the balancers' configs, in their order; nothing in one that cannot be read."""
    from autograder.mistakes.catalogue import find_mistakes

    capacity = {server.name: server.capacity for server in stack.servers}
    each = dict.fromkeys((balancer.config, balancer.proxy) for balancer in stack.balancers)  # a pair may share one
    return tuple(found for config, proxy in each for found in find_mistakes(files, config, proxy, capacity))


def in_words(cause: Finding | None) -> str:
    """``conf/nginx.conf:12: This line tells nginx …``, or an honest admission."""
    if cause is None:
        return "No line of the config is known to do this; compare the pool with a plain one, directive by directive."
    return f"{cause.file}:{cause.line}: {cause.message}"
