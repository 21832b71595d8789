"""What a change of a config does to traffic: two inspections, compared run by run. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.judge.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autograder.inspect.report import Cause, Inspection, RunReport

SIGMAS = 4.5
"""A difference counts if chance makes one as large once in 147,000 comparisons (two-sided normal tail)."""
_LEAST = 0.02
"""Where nothing is left to chance, round robin still begins anywhere: smaller differences of a share say nothing."""


@dataclass(frozen=True)
class Move:
    """A part of a run's requests that is another after the change: of a server, or the failed ones (``server`` empty).

    ``pool`` is empty where all servers are looked at together. Parts are from 0 to 1.
    """

    pool: str
    clients: str
    state: str
    server: str
    before: float
    after: float

    @property
    def by(self) -> float:
        """How much more it is now."""
        return self.after - self.before

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON."""
        return {
            "pool": self.pool,
            "clients": self.clients,
            "state": self.state,
            "server": self.server,
            "before": round(self.before, 4),
            "after": round(self.after, 4),
        }


@dataclass(frozen=True)
class Change:
    """What becomes of one config. ``before`` is None for a new one, ``after`` for one that is gone."""

    config: str
    before: Inspection | None
    after: Inspection | None
    moves: tuple[Move, ...] = ()
    """Shares that moved, the largest first."""
    failures: tuple[Move, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    """Servers, as the configs name them."""
    came: tuple[Cause, ...] = ()
    gone: tuple[Cause, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether the new version could be judged by traffic (a config that is gone needs no judgement)."""
        if self.after is None:
            return True
        return not self.after.trouble and not self.after.static and self.after.verdict is not Spread.UNDECIDED

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON; ``before`` and ``after`` are objects as ``inspect --json`` prints them."""
        return {
            "config": self.config,
            "before": self.before.to_dict() if self.before else None,
            "after": self.after.to_dict() if self.after else None,
            "moves": [one.to_dict() for one in self.moves],
            "failures": [one.to_dict() for one in self.failures],
            "servers": {"added": list(self.added), "removed": list(self.removed)},
            "mistakes": {"came": [one.to_dict() for one in self.came], "gone": [one.to_dict() for one in self.gone]},
        }


def compare(config: str, before: Inspection | None, after: Inspection | None) -> Change:
    """Compare what was measured of two versions of a config; either may be missing, not both."""
    first, second = _runs(before), _runs(after)
    moves = [move for key in first.keys() & second.keys() for move in _moves(key, first[key], second[key])]
    failures = [move for key in first.keys() & second.keys() for move in _failures(key, first[key], second[key])]
    old, new = _servers(before), _servers(after)
    causes = _causes(before), _causes(after)
    return Change(
        config,
        before,
        after,
        tuple(sorted(moves, key=lambda move: (-abs(move.by), move.pool, move.clients, move.state, move.server))),
        tuple(sorted(failures, key=lambda move: (-move.by, move.pool, move.clients, move.state))),
        tuple(one for one in new if one not in old),
        tuple(one for one in old if one not in new),
        tuple(cause for key, cause in causes[1].items() if key not in causes[0]),
        tuple(cause for key, cause in causes[0].items() if key not in causes[1]),
    )


_Key = tuple[str, str, str]


def _runs(found: Inspection | None) -> dict[_Key, RunReport]:
    if found is None:
        return {}
    runs = {(pool.name, run.clients, run.state): run for pool in found.pools for run in pool.runs}
    return runs | {("", run.clients, run.state): run for run in found.together}


def _servers(found: Inspection | None) -> Sequence[str]:
    return () if found is None else tuple(dict.fromkeys(server for pool in found.pools for server in pool.servers))


def _causes(found: Inspection | None) -> Mapping[tuple[str, str, bool], Cause]:
    """By what they are, not by their line: a line that moved down is no other mistake. One that shows now is."""
    causes = () if found is None else found.causes
    return {(cause.finding.mistake, cause.finding.pool, cause.observed): cause for cause in causes}


def _moves(key: _Key, before: RunReport, after: RunReport) -> Iterator[Move]:
    if Spread.IDLE in (before.verdict, after.verdict):
        return
    for server in before.share.keys() | after.share.keys():
        old, new = before.share.get(server, 0.0), after.share.get(server, 0.0)
        if abs(new - old) > _chance(old, before.units, new, after.units) + _LEAST:
            yield Move(*key, server, old, new)


def _failures(key: _Key, before: RunReport, after: RunReport) -> Iterator[Move]:
    old, new = before.failed / max(1, before.requests), after.failed / max(1, after.requests)
    if abs(new - old) > _chance(old, before.requests, new, after.requests):
        yield Move(*key, "", old, new)


def _chance(one: float, of_one: int, other: float, of_other: int) -> float:
    """How far chance parts two proportions of so many units: :data:`SIGMAS` standard errors, pooled.

    The pooled standard error of two proportions is √(p(1−p)(1/n+1/m)) with p their mean weighted by n and m (any
    textbook of statistics: the two-proportion z-test). A balancer that leaves less to chance differs by less.
    """
    of_one, of_other = max(1, of_one), max(1, of_other)
    both = (one * of_one + other * of_other) / (of_one + of_other)
    return SIGMAS * math.sqrt(max(0.0, both * (1 - both)) * (1 / of_one + 1 / of_other))
