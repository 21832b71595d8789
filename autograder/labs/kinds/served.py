"""What became of a sample's requests, as checks see it and say it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from autograder.judge.rollback import MANY_LATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.traffic.sample import Sample

KNOCK = 32
"""Requests sent before anything else is asked: who answers none of them is not waited for any longer."""
PATIENCE = 20.0
"""Seconds that a client waits who asks for the second time."""


def unserved(sample: Sample) -> int:
    """Requests that no server answered with a page: failures, and what the balancer sends away (302, 404, 429, …).

    A shop's clients want a page. Without this, a balancer that turns the surplus away would look fair.
    """
    return sum(1 for fate in sample.fates if fate.failure or not fate.server)


def only_some_late(sample: Sample) -> bool:
    """Whether some waited in vain, and nothing else went wrong: this machine may have stalled, so they ask again."""
    late = sample.failures.get("timeout", 0)
    return 0 < late < sample.requests * MANY_LATE and late == unserved(sample)


def traffic_in_words(sample: Sample, described: str) -> str:
    """How many requests, from whom, how many failed, how long: a sentence."""
    return f"{sample.requests} requests from {described}, {sample.failed} failed, {sample.seconds:.1f} s."


def failures_in_words(sample: Sample) -> str:
    """How many clients were not served, and how that looked to them."""
    if not unserved(sample):
        return "No client saw an error."
    parts = []
    if sample.failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(sample.failures.items()))
        parts.append(f"{sample.failed} of {sample.requests} requests failed ({kinds}).")
    return " ".join([*parts, turned_away_in_words(sample)]).strip()


def turned_away_in_words(sample: Sample) -> str:
    """Ends in a space if it is not empty."""
    statuses = Counter(fate.status for fate in sample.fates if not fate.failure and not fate.server)
    if not statuses:
        return ""
    told = ", ".join(f"{count} with {status}" for status, count in sorted(statuses.items()))
    return f"The balancer turned {statuses.total()} of {sample.requests} requests away ({told}). "


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
