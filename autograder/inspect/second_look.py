"""Look again where no line explains what was seen: what looks like a concentration may be none.

A pool is unlike a plain one for good reasons, too: its weights are written down; it deals out host names, and all the
traffic asked for one; it fills one machine after another; it was only warming up. Each is asked of traffic of its own,
and only where the catalogue knows no line that explains the first runs, because it takes time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autograder.inspect.measure import MOST
from autograder.judge.spread import Spread
from autograder.stack.conduct import Conduct
from autograder.stack.twin.naming import are_open, hosts_of
from autograder.traffic.clients import Population, population

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from autograder.inspect.legs import Leg
    from autograder.inspect.measure import Measuring, Run

_HOSTS = 300
_TO_EACH = 2
_PAUSE_S = 1.0
"""So long a balancer has to make up its mind about servers that it lost sight of while this machine was busy."""
_TO_EACH_LEG = (300, 1200)
"""Requests a moment later, and so many where those did not tell."""
_BUSY = (96, 384)
"""Requests in work at once, so that limits of connections, and counts of them, come to bear."""
_BUSY_REQUESTS = 900
_BUSY_CONDUCT = Conduct(slowness=8.0)
"""The checkout takes 160 ms then: the servers, and not whoever sends, are what everybody waits for."""
_CALM = 0.02
"""Fewer of the requests than this fail where nothing is wrong."""
_SOME_NAMES = 24
"""Fewer listed names than this say little about how names are dealt out."""
_OPEN = (Spread.CONCENTRATED, Spread.UNDECIDED)


@dataclass
class Look:
    """What there is to say after a second look; ``meant`` are reasons why a pool is as its config says (by pool)."""

    runs: list[Run]
    meant: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def settle(self, name: str, run: Run, new: Run, spread: Spread) -> None:
        """Let ``new`` stand for ``run`` with this verdict."""
        made = replace(new, clients=run.clients, verdict=replace(new.verdict, spread=spread))
        self.runs = [made if one is run else one for one in self.runs]
        if name:
            return
        # Its own first pages, if any, were of the traffic before.
        self.runs = [replace(one, first_pages=None) if one is made else one for one in self.runs]


def look_again(measuring: Measuring, runs: Iterable[Run], explained: Collection[str], *, weights: bool) -> Look:
    """Second looks at all runs that are concentrated or undecided, but for pools in ``explained``.

    ``weights`` tells whether those of the config may be taken for what its owner means; not where capacities were
    declared, which say better what the servers can do.
    """
    look = Look(list(runs))
    # Servers of pools that something explains.
    known = {node for pool in measuring.pools if pool.name in explained for node in pool.members}
    if weights:
        for run in _suspicious(look, explained, known):
            _by_weight(look, measuring, run)
    for run in _suspicious(look, explained, known):
        if not run.pool:
            _by_switch(look, measuring, run)
    for ask in (_once_more, _by_name, _when_busy):
        if left := [run for run in _suspicious(look, explained, known) if run.state.name == "all-up"]:
            ask(look, measuring, left)
    return look


def _suspicious(look: Look, explained: Collection[str], known: Collection[str]) -> list[Run]:
    """Runs that nothing explains; ``known`` are the servers of pools that something does explain."""
    return [
        run
        for run in look.runs
        if run.pool not in explained
        and (run.verdict.spread in _OPEN or (not run.pool and _first_hot(run)))
        and not (not run.pool and run.verdict.hottest in known)
    ]


def _first_hot(run: Run) -> bool:
    return run.first_pages is not None and run.first_pages.spread is Spread.CONCENTRATED


def _by_weight(look: Look, measuring: Measuring, run: Run) -> None:
    """Are the shares what the weights say?"""
    pool = next((pool for pool in measuring.pools if pool.name == run.pool), None)
    told = measuring.weighed(pool) if pool is not None else {}
    if pool is None or len(set(told.values())) < 2:
        return
    new = measuring.judged_by(run, told)
    if new.spread is Spread.EVEN or (new.spread is Spread.UNDECIDED and not new.silent and new.peak_to_fair < 1.5):
        look.settle(run.pool, run, run, Spread.SKEWED_AS_DECLARED)
        said = ", ".join(f"{measuring.label(node)} {weight:g}" for node, weight in told.items())
        look.meant.setdefault(run.pool, f"the weights of pool {run.pool} say so: {said}")


def _once_more(look: Look, measuring: Measuring, runs: Sequence[Run]) -> None:
    """Is it still so a moment later, with more requests for these pools than they had among all the others?"""
    time.sleep(_PAUSE_S)
    for clients in dict.fromkeys(run.clients for run in runs):
        left = [run for run in runs if run.clients == clients]
        for each in _TO_EACH_LEG:
            legs = measuring.legs_to(run.pool for run in left)
            again = measuring.once(population(clients), legs, count=min(MOST, each * len(legs)), seed=97)
            _take_even(look, left, again)
            left = [run for run, new in _pairs(left, again) if new.verdict.spread is Spread.UNDECIDED]
            if not left:
                break


def _by_name(look: Look, measuring: Measuring, runs: Sequence[Run]) -> None:
    """Are host names dealt out? Then many of them must be asked for."""
    leg = _leg_for(measuring, runs)
    if leg is None:
        return
    hosts = hosts_of(leg.names, _HOSTS)
    if len(hosts) < 2:
        return
    crowd = population("many").clients[: len(hosts)]
    people = Population("many", tuple(replace(c, host=h) for c, h in zip(crowd, hosts, strict=True)), "")
    again = measuring.once(people, [leg], count=len(hosts) * _TO_EACH)
    named = "made-up host names" if are_open(leg.names) else "host names of this config"
    for run, new in _pairs(runs, again):
        verdict = new.verdict
        if not new.fates or verdict.spread in (Spread.IDLE, Spread.BROKEN) or verdict.unit != "client":
            continue
        some = verdict.units >= _SOME_NAMES and verdict.peak_to_fair < 1.5 and not verdict.silent
        if verdict.spread is Spread.EVEN or some:
            look.settle(run.pool, run, new, Spread.EVEN)
            said = f"each of {verdict.units} {named} met one server, and every server has its part of the names"
        elif len(verdict.share) - len(verdict.silent) > 1 and not are_open(leg.names):
            look.settle(run.pool, run, new, Spread.UNDECIDED)
            said = f"each of {verdict.units} {named} met one server; which names are asked for how often decides"
        else:
            continue
        look.notes.append(f"{f'pool {run.pool}' if run.pool else 'all servers'}: {said}")


def _when_busy(look: Look, measuring: Measuring, runs: Sequence[Run]) -> None:
    """Are all servers used once there is work for all of them?"""
    leg = _leg_for(measuring, runs)
    if leg is None or all(run.verdict.unit in ("client", "page") for run in runs):
        return
    people = population(runs[0].clients)
    least = {run.pool: run.verdict.peak_to_fair for run in runs}
    with measuring.all_conducted(_BUSY_CONDUCT):
        # Where nobody else got anything yet, it takes much.
        for busy in _BUSY if any(run.verdict.effective_servers > 1 for run in runs) else _BUSY[-1:]:
            again = measuring.once(people, [leg], count=_BUSY_REQUESTS, concurrency=busy, checkouts=True)
            _take_busy(look, runs, again, busy)
            runs = [run for run in runs if run in look.runs]
            # More work is worth a try only where some of it made a difference.
            better = [new.verdict.peak_to_fair < 0.9 * least[run.pool] for run, new in _pairs(runs, again) if new.fates]
            if not any(better):
                break


def _take_busy(look: Look, runs: Sequence[Run], again: Sequence[Run], busy: int) -> None:
    for run, new in _pairs(runs, again):
        if new.fates and new.verdict.spread is Spread.EVEN and new.failed < _CALM * len(new.fates):
            parts = " / ".join(f"{part * 100:.0f}" for part in new.verdict.share.values())
            said = f"with {busy} requests in work at once every server gets its part ({parts} %)"
            if run.verdict.spread is Spread.CONCENTRATED:
                look.settle(run.pool, run, run, Spread.SKEWED_AS_DECLARED)
                look.meant.setdefault(run.pool, f"{said}; only with little to do they differ")
            else:
                look.settle(run.pool, run, new, Spread.EVEN)
                look.notes.append(f"{f'pool {run.pool}' if run.pool else 'all servers'}: {said}")


def _by_switch(look: Look, measuring: Measuring, run: Run) -> None:
    """Does a line choose between pools by what a request has, and is the one machine a pool of its own?"""
    mine = [pool for pool in measuring.pools if run.verdict.hottest in pool.members]
    if len(mine) != 1 or len(mine[0].serving()) != 1:
        return
    own = mine[0]
    others = [pool for pool in measuring.pools if pool is not own and set(pool.members) - set(own.members)]
    switch = next((names for names in measuring.switches if own.name in names), ())
    idle = [pool.name for pool in others if any(one.pool == pool.name and not one.fates for one in look.runs)]
    if switch and len(idle) == len(others) and {pool.name for pool in others} <= set(switch):
        said = f"a variable chooses between pools, and this traffic is for {own.name}; none was for {', '.join(idle)}"
        look.settle("", run, run, Spread.SKEWED_AS_DECLARED)
        look.meant.setdefault("", said)
    elif len(idle) == len(others) and all(u.duty == "resolved" for u in own.members.values()):
        look.settle("", run, run, Spread.UNDECIDED)
        said = f"how many machines answer to the name of {own.name} is known to the name server alone"
        look.notes.append(said)


def _take_even(look: Look, runs: Sequence[Run], again: Sequence[Run]) -> None:
    for run, new in _pairs(runs, again):
        if new.verdict.spread is Spread.EVEN and new.fates and not _first_hot(new):
            look.settle(run.pool, run, new, Spread.EVEN)


def _pairs(runs: Sequence[Run], again: Sequence[Run]) -> list[tuple[Run, Run]]:
    by_pool = {run.pool: run for run in again}
    return [(run, by_pool[run.pool]) for run in runs if run.pool in by_pool]


def _leg_for(measuring: Measuring, runs: Sequence[Run]) -> Leg | None:
    """A way on which web traffic comes to the first of the pools."""
    for run in runs:
        for leg in measuring.legs:
            if leg.door.protocol != "tcp" and (not run.pool or measuring.aimed(leg, run.pool)):
                return leg
    return None
