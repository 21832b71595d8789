"""Why was this seen? Joins what traffic showed with what can be read in the config."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autograder.mistakes.finding import Finding
    from autograder.stack.model import Stack

_WHOLE_POOL = ("pool-bypassed", "one-server-pool", "constant-hash-key", "same-address", "hash-without-arguments")
"""They decide for all requests, whatever weights and flags say: mend these first, measure, and see the next."""
_BY_ADDRESS = ("address-hash",)
_TOO_MUCH = ("weight-skew", "duplicate-server")
_NOTHING = ("left-down", "backup-left", "forgotten-server")
_SIZES = ("capacity-ignored",)
_NO_SECOND_TRY = ("no-retry",)


def causes_of(
    seen: str,
    findings: Sequence[Finding],
) -> tuple[Finding, ...]:
    """The findings that can cause what was ``seen``, the most likely first.

    ``seen`` is ``one-server`` (nearly all traffic on one), ``skewed`` (some server has too much), ``silent`` (some
    server gets nothing, nobody too much), ``errors`` (clients saw a dead server) or ``crashed``.
    """
    orders = {
        "one-server": (*_WHOLE_POOL, *_BY_ADDRESS, *_TOO_MUCH, *_NOTHING),
        "skewed": (*_WHOLE_POOL, *_TOO_MUCH, *_NOTHING, *_BY_ADDRESS, *_SIZES),
        "silent": (*_WHOLE_POOL, *_NOTHING, *_BY_ADDRESS, *_TOO_MUCH),
        "errors": (*_NO_SECOND_TRY, *_WHOLE_POOL, *_TOO_MUCH, *_NOTHING, *_BY_ADDRESS),
        "crashed": (*_WHOLE_POOL, *_TOO_MUCH, *_SIZES, *_BY_ADDRESS, *_NOTHING),
    }
    order = orders[seen]
    known = [finding for finding in findings if finding.mistake in order]
    return tuple(sorted(known, key=lambda finding: (order.index(finding.mistake), finding.file, finding.line)))


def read_findings(stack: Stack, files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """What the catalogue finds in the balancer's config; empty for a config that cannot be read."""
    from autograder.mistakes.catalogue import find_mistakes

    balancer = stack.balancer
    capacity = {server.name: server.capacity for server in stack.servers}
    return find_mistakes(files, balancer.config, balancer.proxy, capacity)


def in_words(cause: Finding | None) -> str:
    """``conf/nginx.conf:12: This line tells nginx …``, or an honest admission."""
    if cause is None:
        return "No line of the config is known to do this; compare the pool with a plain one, directive by directive."
    return f"{cause.file}:{cause.line}: {cause.message}"
