"""Did the rollback work? From what was seen afterwards to a verdict in words.

A rollback is done when four things were seen, not when the file is back:

1. the config that is wanted lies on disk, *and* every worker that takes connections carries it (digests; exact);
2. nobody is still served by the config before it: no old worker holds connections (counts; exact);
3. new clients are spread as they should be, and so are those who were there in the bad time: cookies, tables and
   kept connections may hold them to one server (:mod:`autograder.judge.spread`, with its error rates: a fair spread is
   called ``not-spread`` or ``state-outlives`` with probability ≤ 1e-4 each, a server with 1.5 times its share passes
   for ``restored`` with probability ≤ 1e-3);
4. the rollback itself lost no requests beyond what was lost anyway.

*Lost beyond what was lost anyway* compares f of n requests that failed while it was rolled back with f₀ of n₀ that
failed before. If nothing changed, each of the F = f + f₀ failures fell into the later time with probability
n / (n + n₀) (Fisher's conditional test):

    p = P(Bin(F, n / (n + n₀)) ≥ f)

Without a time before (n₀ = 0) the failures are compared with :data:`TOLERATED`, p = P(Bin(n, 1e-3) ≥ f). Below
α = 1e-4 requests were lost: false alarm ≤ 1e-4 a judgement. With n = n₀ and a clean time before, 14 failures are
enough (½¹⁴ < 1e-4), so a loss of 10 % among 300 requests goes unnoticed with probability < 1e-3; without a time before,
5 of 300 are enough. Send over new connections, or let clients repeat what fails on a kept one: any reload closes
connections that are idle (measured: RB-12), and that is nobody's loss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from autograder.judge.spread import Spread, at_most, decide

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autograder.judge.spread import SpreadVerdict
    from autograder.traffic.sample import Sample

ALPHA = 1e-4
TOLERATED = 1e-3
"""Part of requests that may fail at any time, where nothing is known of the time before."""
MANY_LATE = 0.25
"""From this part of a sample's requests on, waiting too long is what users meet, and not a machine that stalled."""
PATIENCE_S = 30.0
"""Seconds that old workers may take to end what they have."""
_FINE = (Spread.EVEN, Spread.SKEWED_AS_DECLARED)


class Rollback(StrEnum):
    """What became of a rollback; the values are the words that reports use."""

    NOT_LOADED = "not-loaded"
    """What runs is not what was to be restored, or what lies on disk is not: the next start would bring that."""
    TRAFFIC_LOST = "traffic-lost"
    """More requests failed than did before."""
    NOT_SPREAD = "not-spread"
    """New clients meet one server more than its share: what was restored is bad itself, or is not all of it."""
    STATE_OUTLIVES = "state-outlives"
    """New clients are spread; those of the bad time are held where they were, by a cookie, a table or a file."""
    OLD_STILL_SERVING = "old-still-serving"
    """Old workers go on serving connections by the config before."""
    UNDECIDED = "undecided"
    """Nothing is seen to be wrong, and not enough was seen to say that it is right."""
    RESTORED = "restored"
    """All four were seen."""


WORST_FIRST = tuple(Rollback)


@dataclass(frozen=True)
class Failures:
    """``failed`` of ``requests`` got no good answer."""

    requests: int = 0
    failed: int = 0


def lost_in(sample: Sample) -> int:
    """Requests that got no page. Those that waited too long are this machine's business, unless they are many."""
    late = sample.failures.get("timeout", 0)
    return sample.failed - (late if late < sample.requests * MANY_LATE else 0)


def met(samples: Sequence[Sample]) -> Failures:
    """What users met in all: requests, and those that got no page (:func:`lost_in`)."""
    return Failures(sum(one.requests for one in samples), sum(map(lost_in, samples)))


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """What was seen after a rollback. What nobody looked at stays at its default, and is not held against it.

    ``wanted`` and ``running`` are digests as :func:`autograder.stack.balancing.config_digest` makes them. Where several
    balancers take the same traffic, ``running`` and ``on_disk`` have the digests of all of them.
    """

    wanted: str
    running: tuple[str, ...]
    """One digest for each config that workers carry which take connections; none if the balancer is down."""
    on_disk: tuple[str, ...] = ()
    old_workers: int = 0
    held: int = 0
    """Connections that old workers have open."""
    seconds: float = 0.0
    """Since the rollback was asked for."""
    arriving: SpreadVerdict | None = None
    """How clients were spread who came for the first time; needed for ``restored``."""
    returning: SpreadVerdict | None = None
    """How clients were spread who had been there in the bad time."""
    sticky: Mapping[str, int] = field(default_factory=dict)
    """Server → entries that hold clients to it, in stick tables or the like."""
    before: Failures = Failures()
    during: Failures = Failures()


@dataclass(frozen=True)
class RollbackVerdict:
    """``outcomes`` are all that hold, worst first, each with a sentence in ``words``."""

    outcomes: tuple[Rollback, ...]
    words: tuple[str, ...]

    @property
    def outcome(self) -> Rollback:
        """The worst that holds."""
        return self.outcomes[0]


def judge_rollback(seen: Aftermath) -> RollbackVerdict:
    """Judge what was seen after a rollback; see the module for formulas and error rates.

    >>> judge_rollback(Aftermath(wanted="a1", running=("b2",))).words
    ('The config that runs (b2) is not the one to be restored (a1): it was not loaded.',)
    """
    found: dict[Rollback, str] = {}
    if said := _not_loaded(seen):
        found[Rollback.NOT_LOADED] = said
    if seen.arriving and seen.arriving.spread is Spread.BROKEN:
        found[Rollback.TRAFFIC_LOST] = "Every request fails."
    elif (p := lost_by_chance(seen.before, seen.during)) < ALPHA:
        found[Rollback.TRAFFIC_LOST] = _lost(seen, p)
    if seen.arriving and seen.arriving.spread is Spread.CONCENTRATED:
        found[Rollback.NOT_SPREAD] = f"New clients are not spread: {_hottest(seen.arriving)}."
    elif said := _outlives(seen):
        found[Rollback.STATE_OUTLIVES] = said
    if said := _old_ones(seen):
        found[Rollback.OLD_STILL_SERVING] = said
    if not found:
        outcome = Rollback.RESTORED if not (said := _unknown(seen)) else Rollback.UNDECIDED
        found[outcome] = said or "The wanted config runs, all clients are spread, and no request was lost."
    ordered = sorted(found, key=WORST_FIRST.index)
    return RollbackVerdict(tuple(ordered), tuple(found[outcome] for outcome in ordered))


def lost_by_chance(before: Failures, during: Failures) -> float:
    """The probability of so many failures ``during`` if nothing but chance made them (formula: see the module).

    >>> lost_by_chance(Failures(300, 0), Failures(300, 1))
    0.5
    """
    if not during.failed:
        return 1.0
    if not before.requests:
        return _at_least(during.failed, during.requests, TOLERATED)
    together = before.failed + during.failed
    return _at_least(during.failed, together, during.requests / (before.requests + during.requests))


def _at_least(count: int, total: int, chance: float) -> float:
    # Of the others there are at most so few: sums small tails without losing digits.
    return at_most(total - count, total, 1 - chance)


def _not_loaded(seen: Aftermath) -> str:
    other = sorted(set(seen.running) - {seen.wanted})
    if not seen.running:
        return "No balancer takes connections."
    if other and seen.wanted in seen.running:
        return f"Beside the restored config ({seen.wanted}) another one still runs: {', '.join(other)}."
    if other:
        return (
            f"The config that runs ({', '.join(other)}) is not the one to be restored ({seen.wanted}): it was not "
            "loaded."
        )
    if stray := sorted(set(seen.on_disk) - {seen.wanted}):
        return f"The restored config runs, but on disk lies another ({', '.join(stray)}): the next start brings that."
    return ""


def _lost(seen: Aftermath, p: float) -> str:
    during, before = seen.during, seen.before
    compared = f"before, {before.failed} of {before.requests}" if before.requests else f"{TOLERATED:.1%} may"
    return f"{during.failed} of {during.requests} requests failed meanwhile ({compared}; by chance: {p:.0e})."


def _outlives(seen: Aftermath) -> str:
    if seen.returning and seen.returning.spread is Spread.CONCENTRATED:
        return f"Clients of the bad time are still held: {_hottest(seen.returning)}."
    fair = seen.arriving.fair if seen.arriving else {}
    entries = {name: seen.sticky.get(name, 0) for name in fair}
    total = sum(entries.values())
    if total and len(fair) > 1:
        shares = {name: count / total for name, count in entries.items()}
        if decide(entries, shares, fair, "client") is Spread.CONCENTRATED:
            most = max(entries, key=lambda name: entries[name] / fair[name])
            return f"{entries[most]} of {total} entries in the balancer's tables hold clients to {most}."
    return ""


def _old_ones(seen: Aftermath) -> str:
    if seen.old_workers and (seen.held or seen.seconds > PATIENCE_S):
        some = seen.old_workers > 1
        old = f"{seen.old_workers} old {'workers' if some else 'worker'} of the config before"
        if seen.held:
            return f"After {seen.seconds:.0f} s, {old} still {'serve' if some else 'serves'} {seen.held} connections."
        return f"After {seen.seconds:.0f} s, {old} {'have' if some else 'has'} not ended."
    return ""


def _unknown(seen: Aftermath) -> str:
    if seen.arriving is None or seen.arriving.spread not in _FINE:
        return "The wanted config runs; too little traffic was seen to say how new clients are spread."
    if seen.returning is not None and seen.returning.spread not in (*_FINE, Spread.IDLE):
        return "New clients are spread; of those who were there before too few were seen."
    return ""


def _hottest(spread: SpreadVerdict) -> str:
    if spread.silent and spread.peak_to_fair < 1.5:
        return f"{', '.join(spread.silent)} {'get' if len(spread.silent) > 1 else 'gets'} nothing"
    share, fair = spread.share[spread.hottest], spread.fair[spread.hottest]
    return f"{spread.hottest} has {share:.0%} of {spread.units} {spread.unit}s, fair is {fair:.0%}"
