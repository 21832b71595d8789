"""What the time before a change says of what may be expected after it; what is declared, where there was none."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autograder.guard.counts import LATENCY_MS
from autograder.guard.sequential import Variation, at_most_part, variation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autograder.guard.counts import Intent, Window

ENOUGH = 50
"""Units of traffic below which nothing is said of shares, and nothing is kept as good."""
TOO_MUCH, TOO_LITTLE = 1.5, 1 / 3
"""Multiples of the fair share."""
UNKNOWN_EFFECT = 8.0
"""The design effect of shares, until enough slices of time were seen."""
_SLOWER = 2.0
_SLOWER_BY_MS = 100.0
"""Less than that nobody feels, and a machine that only has more to do is soon twice as slow."""
_WAITING = 10


@dataclass(frozen=True)
class Spread:
    """Requests of one window by server of the intent, and of each server's pool. Servers without any have 0."""

    of: Mapping[str, int] = field(default_factory=dict)
    pool: Mapping[str, int] = field(default_factory=dict)

    def share(self, name: str, unknown: float = 0.0) -> float:
        """Part of its pool's requests that a server had; ``unknown`` if the pool had too few to say."""
        return self.of[name] / self.pool[name] if self.pool.get(name, 0) >= ENOUGH else unknown


def spread(window: Window, intent: Intent) -> Spread:
    """Count one window as the intent has its pools."""
    of, pools = dict.fromkeys(intent.fair, 0), dict[str, int]()
    for server in window.servers:
        pool = intent.pools.get(server.name, "")
        if server.name in of and pool in ("", server.pool):
            of[server.name] += server.requests
            pools[pool] = pools.get(pool, 0) + server.requests
    return Spread(of, {name: pools.get(intent.pools.get(name, ""), 0) for name in of})


def believed(intent: Intent, before: Window) -> Intent:
    """The intent, as traffic was before for pools that would lose half of their servers or more (:func:`meant`)."""
    shares: dict[str, float] = {}
    pools: dict[str, str] = {}
    for pool in {one.pool for one in before.servers}:
        served = {one.name: one.requests for one in before.servers if one.pool == pool and one.requests}
        if (total := sum(served.values())) >= ENOUGH:
            shares |= {name: count / total for name, count in served.items()}
            pools |= dict.fromkeys(served, pool)
    return meant(intent, replace(intent, fair=shares, pools=pools))


def meant(intent: Intent, good: Intent) -> Intent:
    """The intent, but that of the last ``good`` config for pools that would lose half of their servers or more.

    Nobody means to leave a pool one of its three servers; who does takes them out in two steps. A pool that gets
    others instead (blue and green) has not lost any.
    """
    fair, pools = dict(intent.fair), dict(intent.pools)
    for pool in {intent.pools.get(name, "") for name in intent.fair}:
        now = {name for name in intent.fair if intent.pools.get(name, "") == pool}
        was = {name: part for name, part in good.fair.items() if part and good.pools.get(name, "") == pool}
        if was.keys() <= now or 2 * len(now) > len(was):
            continue
        fair = {name: part for name, part in fair.items() if name not in now} | was
        pools |= dict.fromkeys(was, pool)
    return replace(intent, fair=fair, pools=pools)


def divided(intent: Intent) -> tuple[str, ...]:
    """The servers that share a pool with others, so that there is a share to judge."""
    return tuple(name for name, part in intent.fair.items() if 0 < part < 1)


def differing(slices: Sequence[Spread], intent: Intent) -> Variation:
    """How much the spread differs from slice to slice, each pool for itself."""
    pools: dict[str, list[str]] = {}
    for name in divided(intent):
        pools.setdefault(intent.pools.get(name, ""), []).append(name)
    every = [variation([[one.of[name] for name in names] for one in slices]) for names in pools.values()]
    return sum(every, Variation())


class Past:
    """What there was in ``before``, and in consecutive ``slices`` of it if they are known."""

    def __init__(self, intent: Intent, before: Window, slices: Sequence[Window]) -> None:
        self._intent = intent
        self.spread = spread(before, intent)
        self.variation = differing([spread(one, intent) for one in slices], intent)
        self.rate = before.requests / before.seconds if before.seconds and before.requests >= ENOUGH else 0.0
        """Requests a second; 0 if it is not known."""
        self.down = {server.name for server in before.servers if not server.up}
        self.failing = at_most_part(before.failed, before.requests) if before.failed else 0.0
        """As many failed at most; 0 if none was seen to fail."""
        self.error_effect = _error_effect(slices)
        self.queued = max((queued(one) for one in (before, *slices)), default=0)
        self.waiting = max(_WAITING, 3 * self.queued)
        """More than so many wait seldom."""
        self._sway = self._how_unfair()
        self.slow_from = self._slow_from(buckets(before))
        """Number of the first bucket whose answers are slow; none if nobody told how long answers took."""

    def tolerance(self, part: float) -> float:
        """How far from a fair share a server may be because clients are dealt out, and there are only so many."""
        return self._sway * math.sqrt(part * (1 - part))

    def highest(self, part: float) -> float:
        """The largest share that a server with this fair share may have."""
        return min(max(TOO_MUCH * part, part + self.tolerance(part)), (1 + part) / 2)

    def lowest(self, part: float) -> float:
        """The smallest share that a server with this fair share may have; 0 if it may have none."""
        return max(0.0, min(TOO_LITTLE * part, part - self.tolerance(part)))

    def _how_unfair(self) -> float:
        """Three standard deviations of a share as it was seen, in units of √(w(1−w)), less what chance explains."""
        seen = [(self._intent.fair[name], self.spread.share(name, -1.0)) for name in divided(self._intent)]
        squares = [(share - part) ** 2 / (part * (1 - part)) for part, share in seen if share >= 0]
        if not squares:
            return 0.0
        requests = sum(self.spread.of.values())
        return 3 * math.sqrt(max(0.0, sum(squares) / len(squares) - 1 / requests))

    def _slow_from(self, counted: Sequence[int]) -> int | None:
        whole = sum(counted)
        if self._intent.latency_ms is None and whole < ENOUGH:
            return None
        usual = _half_within(counted) if whole >= ENOUGH else 0.0
        if math.isinf(usual):
            return None  # they cannot be told to be slower
        declared = self._intent.latency_ms
        slow = max(_SLOWER * usual, usual + _SLOWER_BY_MS if declared is None else declared)
        return next((n + 1 for n, bound in enumerate(LATENCY_MS) if bound >= slow * 0.99), None)


def _half_within(counted: Sequence[int]) -> float:
    """Milliseconds that half of the answers took at most, by proportion within a bucket; infinite in the last one."""
    wanted, below = sum(counted) / 2, 0
    for number, count in enumerate(counted):
        if below + count >= wanted:
            if number >= len(LATENCY_MS):
                break
            low = LATENCY_MS[number - 1] if number else LATENCY_MS[0] / 2
            return float(low * (LATENCY_MS[number] / low) ** ((wanted - below) / count))
        below += count
    return math.inf


def queued(window: Window) -> int:
    """How many requests wait for servers at its end."""
    return sum(server.queued for server in window.servers)


def buckets(window: Window) -> tuple[int, ...]:
    """All servers' buckets of latency together."""
    return tuple(map(sum, zip(*(server.latency for server in window.servers), strict=True)))


def _error_effect(slices: Sequence[Window]) -> float:
    """How much failures come together, where enough were seen to tell; two at a time at least."""
    failures = [one.failed for one in slices]
    if sum(failures) < 10 or len(slices) < 2:
        return 2.0
    part = sum(failures) / sum(one.requests for one in slices)
    squares = sum((one.failed - one.requests * part) ** 2 / (one.requests * part) for one in slices if one.requests)
    return max(2.0, squares / (len(slices) - 1))
