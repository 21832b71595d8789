"""Is the traffic spread as the capacity of the servers says it should be?

Shares are compared with *fair* shares (declared capacity), never with equality. Two questions are asked of the counts
of *units*. A unit is what the balancer decides about; counting anything else would take one decision for many:

* ``request`` where it decides anew each time;
* ``client`` where it sends the same client to the same server again and again (a hash over addresses, a cookie);
* ``page`` where each path always meets one server while clients do not (a hash over the URI);
* ``connection`` where it does not look into what it passes on (layer 4).

*Could chance have done it?* The anytime-valid e-value of the counts against the fair shares w, with a Dirichlet prior
of a = ½ on N servers and n units (a test martingale, so one may look after every batch and stop):

    ln E = lnΓ(Na) − lnΓ(n + Na) + Σ [lnΓ(cᵢ + a) − lnΓ(a)] − Σ cᵢ ln wᵢ

If the spread is fair, E ever exceeds 1/α with probability ≤ α (Ville's inequality). α is 1e-4, so a fair spread is
called ``concentrated`` in at most one run of 10,000, however often one looks.

*Is it bad enough to matter?* A server gets at least 1.5 times its fair share, or one that should serve gets nothing.

``even`` needs proof as well: for every server i, a true share of 1.5 times the fair one would have shown a count as
low as the one seen with probability ≤ β,

    P(Bin(n, min(1, 1.5·wᵢ)) ≤ cᵢ) ≤ β        (the exact binomial tail)

and a server that should serve and gets nothing would have been hit: (1 − wᵢ)ⁿ ≤ β. β is 1e-5 for each look, and a
server that truly takes 1.5 times its fair share or more has to pass its own tail, so it goes unnoticed in less than one
run of 1,000 (1e-4 for ten looks).

There is one exception. Clients and pages are only so many: from 210 to 499 of them, "no server has 1.5 times its fair
share" is taken for even although it proves less. Of 250 clients whose server takes just 1.5 times its share about half
the runs miss it, at twice its share none in 1,000; from 500 on the rule above holds for clients, too. Otherwise the
verdict is ``undecided`` and more units are needed.

Two verdicts are not about counts. ``broken``: every request of a run failed, or the balancer refused the config.
``skewed-as-declared``: a concentration whose owner wrote down that it is meant; whoever knows that says so, with
:func:`as_declared`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from autograder.traffic.sample import Sample

ALPHA = 1e-4
BETA = 1e-5
ENOUGH_CLIENTS = 210
"""Also enough pages, where those are the units."""
MANY_CLIENTS = 500
"""From here on clients (pages) must prove as much as requests."""
UNITS = ("request", "client", "page", "connection")
CONCENTRATED_AT = 1.5
"""A server with this multiple of its fair share, or more, has too much of it."""


class Spread(StrEnum):
    """What the counts say about a pool."""

    EVEN = "even"
    CONCENTRATED = "concentrated"
    SKEWED_AS_DECLARED = "skewed-as-declared"
    UNDECIDED = "undecided"
    BROKEN = "broken"
    IDLE = "idle"


_WORST_FIRST = (
    Spread.BROKEN,
    Spread.CONCENTRATED,
    Spread.UNDECIDED,
    Spread.SKEWED_AS_DECLARED,
    Spread.EVEN,
    Spread.IDLE,
)


def worst(verdicts: Iterable[Spread]) -> Spread:
    """The one verdict that several come to: the worst of them; ``idle`` if there is none.

    Nothing working is worse than too much on one server, and not to know is worse than what somebody means to have.

    >>> worst([Spread.EVEN, Spread.CONCENTRATED, Spread.UNDECIDED]).value
    'concentrated'
    """
    return min(verdicts, key=_WORST_FIRST.index, default=Spread.IDLE)


def as_declared(spread: Spread) -> Spread:
    """The verdict where the owner says that a concentration is meant; all others stay what they are."""
    return Spread.SKEWED_AS_DECLARED if spread is Spread.CONCENTRATED else spread


@dataclass(frozen=True)
class SpreadVerdict:
    """The judgement of one sample.

    Shares are of answered requests (of pages, where those are the units) and sum to 1; servers without any have 0.
    """

    spread: Spread
    share: Mapping[str, float]
    fair: Mapping[str, float]
    peak_to_fair: float
    """The largest multiple of its fair share that any server got."""
    effective_servers: float
    """1/Σ share²: how many equal servers would share the traffic like this."""
    hottest: str
    silent: tuple[str, ...]
    """Servers that should serve and answered nothing."""
    units: int
    unit: str
    """One of :data:`UNITS`: what was counted for the decision."""
    log_e_value: float


class _Meeting(NamedTuple):
    client: int
    path: str
    server: str


def judge_spread(
    sample: Sample, fair: Mapping[str, float], *, unit: str = "auto", paths: Sequence[str] = ()
) -> SpreadVerdict:
    """Judge a sample against fair shares (server → part of the traffic it should get; positive, sum 1).

    ``unit`` is one of :data:`UNITS`, or ``auto``: clients if each that sent twice or more always met one server, else
    pages if that is true of them. ``paths`` are those that were asked for, in the order of the sample's fates; without
    them there are no pages. Use ``request`` where one address stands for many people, ``connection`` for a door of
    layer 4: there it is the same as ``request`` for clients that connect anew each time, and one unit for each that
    keeps its connection. Raises ``ValueError`` for paths that are not as many as the fates.

    Answers of servers that have no fair share are left out. False alarm ≤ 1e-4; see the module for the rest.
    """
    if paths and len(paths) != len(sample.fates):
        raise ValueError(f"{len(paths)} paths for {len(sample.fates)} fates")
    met = [
        _Meeting(fate.client, paths[number] if paths else "", fate.server)
        for number, fate in enumerate(sample.fates)
        if fate.server in fair
    ]
    counts = Counter(meeting.server for meeting in met)
    share = {name: counts.get(name, 0) / len(met) if met else 0.0 for name in fair}
    if not met:
        broken = bool(sample.fates) and sample.failed == len(sample.fates)
        spread = Spread.BROKEN if broken else Spread.IDLE
        return SpreadVerdict(spread, share, dict(fair), 0.0, 0.0, "", tuple(fair), 0, "request", 0.0)
    chosen = _unit(met) if unit == "auto" else unit
    units = _units(met, chosen)
    total = sum(units.values())
    if chosen == "page":  # which of them are asked for how often is not the balancer's doing
        share = {name: units.get(name, 0) / total for name in fair}
    ratios = {name: share[name] / fair[name] for name in fair}
    hottest = max(ratios, key=lambda name: ratios[name])
    silent = tuple(name for name in fair if not share[name])
    broken = sample.failed == len(sample.fates)
    return SpreadVerdict(
        spread=Spread.BROKEN if broken else decide(units, share, fair, chosen),
        share=share,
        fair=dict(fair),
        peak_to_fair=ratios[hottest],
        effective_servers=1 / sum(part * part for part in share.values()),
        hottest=hottest,
        silent=silent,
        units=total,
        unit=chosen,
        log_e_value=log_e_value(units, fair),
    )


def decide(units: Mapping[str, int], share: Mapping[str, float], fair: Mapping[str, float], unit: str) -> Spread:
    """The decision itself: ``even``, ``concentrated`` or ``undecided``, from counts of units and shares of requests.

    ``units`` has at least one. See the module for formulas and error rates.
    """
    peak = max(share[name] / part for name, part in fair.items())
    silent = not all(share[name] for name in fair)
    if log_e_value(units, fair) >= math.log(1 / ALPHA) and (peak >= CONCENTRATED_AT or silent):
        return Spread.CONCENTRATED
    if not silent and (_surely_even(units, fair) or _even_enough(units, unit, peak)):
        return Spread.EVEN
    return Spread.UNDECIDED


def log_e_value(counts: Mapping[str, int], fair: Mapping[str, float]) -> float:
    """Natural logarithm of the e-value of ``counts`` against ``fair`` (formula in the module's docstring)."""
    a, n, total = 0.5, len(fair), sum(counts.values())
    value = math.lgamma(n * a) - math.lgamma(total + n * a)
    for name, part in fair.items():
        count = counts.get(name, 0)
        value += math.lgamma(count + a) - math.lgamma(a) - count * math.log(part)
    return value


def _surely_even(counts: Mapping[str, int], fair: Mapping[str, float]) -> bool:
    total = sum(counts.values())
    if len(fair) == 1:
        return True  # there is nothing to spread
    for name, part in fair.items():
        if at_most(counts.get(name, 0), total, min(CONCENTRATED_AT * part, 1.0)) > BETA:
            return False
        if total * math.log1p(-part) > math.log(BETA):
            return False
    return True


def _even_enough(counts: Mapping[str, int], unit: str, peak_to_fair: float) -> bool:
    some = ENOUGH_CLIENTS <= sum(counts.values()) < MANY_CLIENTS
    return unit in ("client", "page") and some and peak_to_fair < CONCENTRATED_AT


def at_most(count: int, total: int, chance: float) -> float:
    """P(Bin(total, chance) ≤ count), for ``count`` from 0 to ``total`` and ``chance`` from 0 to 1.

    Summed from the largest term down, to 16 digits: as many terms as there are within some standard deviations.

    >>> round(at_most(0, 3, 0.5), 6)
    0.125
    """
    if count >= total or chance <= 0:
        return 1.0
    if chance >= 1:
        return 0.0
    odds = (1 - chance) / chance
    mode = min(count, int((total + 1) * chance))
    ways = math.lgamma(total + 1) - math.lgamma(mode + 1) - math.lgamma(total - mode + 1)
    largest = math.exp(ways + mode * math.log(chance) + (total - mode) * math.log1p(-chance))
    tail = term = largest
    for k in range(mode, 0, -1):
        term *= odds * k / (total - k + 1)
        tail += term
        if term < tail * 1e-17:
            break
    term = largest
    for k in range(mode, count):
        term *= (total - k) / ((k + 1) * odds)
        tail += term
        if term < tail * 1e-17:
            break
    return min(tail, 1.0)


def _unit(met: Sequence[_Meeting]) -> str:
    if _faithful((meeting.client, meeting.server) for meeting in met):
        return "client"
    # Where everything is on one server, every page is faithful to it, and that says nothing about pages.
    several = len({meeting.server for meeting in met}) > 1
    if several and met[0].path and _faithful((meeting.path, meeting.server) for meeting in met):
        return "page"
    return "request"


def _faithful(pairs: Iterable[tuple[Hashable, str]]) -> bool:
    """Whether everything that came twice or more always met one server; false if nothing did."""
    met: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for who, server in pairs:
        met[who][server] += 1
    returning = [servers for servers in met.values() if servers.total() > 1]
    return bool(returning) and all(len(servers) == 1 for servers in returning)


def _units(met: Sequence[_Meeting], unit: str) -> Counter[str]:
    """How many units each server has; a unit that met several belongs to the first."""
    by_client = ((meeting.client, meeting.server) for meeting in met)
    if unit == "request" or (unit == "connection" and not _faithful(by_client)):
        return Counter(meeting.server for meeting in met)
    first: dict[Hashable, str] = {}
    for meeting in met:
        first.setdefault(meeting.path if unit == "page" else meeting.client, meeting.server)
    return Counter(first.values())
