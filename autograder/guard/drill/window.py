"""Is the service as well as it was before? Slices of users' traffic, judged one after the other.

*Well* is what it was before anything broke: the shares that the servers had then are the fair ones, and no more
requests fail than did then (:func:`autograder.judge.rollback.lost_by_chance`). A request that a server answered which
got nothing before went astray, and counts as lost in this comparison.

A stretch of slices begins anew after each slice that is bad, and is well when
:func:`autograder.judge.spread.judge_spread` calls all of it even, or when :data:`ENOUGH` requests of it show nothing
bad (of many servers, "even" takes more than that to prove). It was well from its beginning: there the clock stops.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autograder.judge.rollback import ALPHA, Failures, lost_by_chance, met
from autograder.judge.spread import Spread, judge_spread
from autograder.traffic.sample import merged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autograder.traffic.sample import Sample

ENOUGH: Final = 1_500
"""Requests of a stretch that show nothing bad: more are not waited for, and more than twice as many not kept."""


@dataclass(frozen=True)
class Slice:
    """Requests that began within a short time from ``start`` (seconds of a monotonic clock)."""

    start: float
    sample: Sample


@dataclass(frozen=True)
class Before:
    """What was seen before anything broke: server → part of the answers, and how many requests failed."""

    share: Mapping[str, float]
    failures: Failures


def seen_before(samples: Sequence[Sample]) -> Before:
    """What users met while all was well. ``samples`` must not be empty."""
    whole = merged(list(samples))
    return Before(whole.shares(), met(samples))


def bad(samples: Sequence[Sample], before: Before) -> str:
    """What is worse than before, in words; empty if nothing is, as far as these requests tell."""
    whole = merged(list(samples))
    now = met(samples)
    astray = sum(1 for fate in whole.fates if fate.server and fate.server not in before.share and not fate.failure)
    if lost_by_chance(before.failures, now) < ALPHA:
        return f"{now.failed} of {now.requests} requests fail"
    if lost_by_chance(Failures(before.failures.requests, 0), Failures(whole.requests, astray)) < ALPHA:
        return f"{astray} of {whole.requests} requests reach servers that had none before"
    seen = judge_spread(whole, before.share, unit="request")
    if seen.spread is Spread.CONCENTRATED:
        if seen.peak_to_fair < 1.5:
            return f"{', '.join(seen.silent)} gets nothing"
        return (
            f"{seen.hottest} gets {seen.share[seen.hottest]:.0%} of the requests, before {seen.fair[seen.hottest]:.0%}"
        )
    return ""


def surely_well(samples: Sequence[Sample], before: Before) -> bool:
    """Whether so many requests, none of which are :func:`bad`, prove that all is as before."""
    whole = merged(list(samples))
    if whole.requests >= ENOUGH:
        return True
    return judge_spread(whole, before.share, unit="request").spread is Spread.EVEN


class Stretch:
    """Slices in order, as they come: whether it is well now, and since when."""

    def __init__(self, before: Before) -> None:
        self.since: float | None = None
        """Start of the stretch that is well up to now, as its slice says; None if it is not, or not yet."""
        self.trouble = ""
        """What was bad last, in words; empty if nothing ever was."""
        self.slices = 0
        self._before = before
        self._kept: list[Slice] = []
        self._start = 0.0

    def add(self, one: Slice) -> None:
        """Heed one more slice. One without requests tells nothing: this machine could not send."""
        self.slices += 1
        if not one.sample.requests:
            return
        if not self._kept:
            self._start = one.start
        self._kept.append(one)
        samples = [other.sample for other in self._kept]
        said = bad([one.sample], self._before) or bad(samples, self._before)
        if said:
            self.trouble, self.since, self._kept = said, None, []
        elif self.since is None and surely_well(samples, self._before):
            self.since = self._start
        while sum(other.sample.requests for other in self._kept) > 2 * ENOUGH:
            self._kept.pop(0)


def in_order(slices: Sequence[Slice], length: float, now: float, patience: float) -> tuple[Slice, ...]:
    """The slices up to the first gap: answers of a slice may come later than those of the next one.

    ``length`` is a slice's in seconds. A gap whose slice began more than ``patience`` seconds before ``now`` stays one.
    """
    ordered = sorted(slices, key=lambda one: one.start)
    for number, (one, after) in enumerate(itertools.pairwise(ordered), 1):
        if after.start - one.start > 1.5 * length and now - one.start < patience:
            return tuple(ordered[:number])
    return tuple(ordered)
