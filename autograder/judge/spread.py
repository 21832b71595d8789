"""Is the traffic spread as the capacity of the servers says it should be?

Shares are compared with *fair* shares (declared capacity), never with equality. Two questions are asked of the counts
of *units*. A unit is what the balancer decides about: a request where it decides anew each time, a client where it
sends the same client to the same server again and again; counting requests there would take one decision for many.

*Could chance have done it?* The anytime-valid e-value of the counts against the fair shares w, with a Dirichlet prior
of a = ½ on N servers and n units (a test martingale, so one may look after every batch and stop):

    ln E = lnΓ(Na) − lnΓ(n + Na) + Σ [lnΓ(cᵢ + a) − lnΓ(a)] − Σ cᵢ ln wᵢ

If the spread is fair, E ever exceeds 1/α with probability ≤ α (Ville's inequality). α is 1e-4.

*Is it bad enough to matter?* A server gets at least 1.5 times its fair share, or one that should serve gets nothing.

``even`` needs proof as well: for every server, a true share of 1.5 times the fair one would have shown a count as low
as the one seen with probability ≤ β/N (Chernoff: n·KL(observed ‖ 1.5·fair) ≥ ln(N/β)), and a silent server would have
been hit. β is 1e-3. Where the units are clients there are only so many of them: from 210 on, "no server has 1.5 times
its fair share" is taken for even although the bound is weaker (a pool of four hashed over 210 clients). Otherwise the
verdict is ``undecided`` and more units are needed.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.traffic.sample import Sample

ALPHA = 1e-4
BETA = 1e-3
ENOUGH_CLIENTS = 210
CONCENTRATED_AT = 1.5
"""A server with this multiple of its fair share, or more, has too much of it."""


class Spread(StrEnum):
    """What the counts say about a pool."""

    EVEN = "even"
    CONCENTRATED = "concentrated"
    UNDECIDED = "undecided"
    IDLE = "idle"


@dataclass(frozen=True)
class SpreadVerdict:
    """The judgement of one sample. Shares are of answered requests and sum to 1; servers without any have 0."""

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
    """``request`` or ``client``: what was counted for the decision."""
    log_e_value: float


def judge_spread(sample: Sample, fair: Mapping[str, float], *, unit: str = "auto") -> SpreadVerdict:
    """Judge a sample against fair shares (server → part of the traffic it should get; positive, sum 1).

    ``unit`` is ``request``, ``client``, or ``auto``: clients if each that sent twice or more always met one server.
    Use ``request`` where one address stands for many people. False alarm ≤ 1e-4; see the module for the rest.
    """
    counts = sample.counts()
    total = sum(counts.values())
    share = {name: counts.get(name, 0) / total if total else 0.0 for name in fair}
    if not total:
        return SpreadVerdict(Spread.IDLE, share, dict(fair), 0.0, 0.0, "", tuple(fair), 0, "request", 0.0)
    chosen = _unit(sample) if unit == "auto" else unit
    units = _units(sample, chosen)
    ratios = {name: share[name] / fair[name] for name in fair}
    hottest = max(ratios, key=lambda name: ratios[name])
    silent = tuple(name for name in fair if not share[name])
    evidence = log_e_value(units, fair)
    if evidence >= math.log(1 / ALPHA) and (ratios[hottest] >= CONCENTRATED_AT or silent):
        spread = Spread.CONCENTRATED
    elif not silent and (_surely_even(units, fair) or _even_enough(units, chosen, ratios[hottest])):
        spread = Spread.EVEN
    else:
        spread = Spread.UNDECIDED
    return SpreadVerdict(
        spread=spread,
        share=share,
        fair=dict(fair),
        peak_to_fair=ratios[hottest],
        effective_servers=1 / sum(part * part for part in share.values()),
        hottest=hottest,
        silent=silent,
        units=sum(units.values()),
        unit=chosen,
        log_e_value=evidence,
    )


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
    needed = math.log(len(fair) / BETA)
    for name, part in fair.items():
        seen, bad = counts.get(name, 0) / total, min(CONCENTRATED_AT * part, 1.0)
        if seen >= bad or total * _divergence(seen, bad) < needed:
            return False
        if total * -math.log1p(-part) < needed:
            return False
    return True


def _even_enough(counts: Mapping[str, int], unit: str, peak_to_fair: float) -> bool:
    return unit == "client" and sum(counts.values()) >= ENOUGH_CLIENTS and peak_to_fair < CONCENTRATED_AT


def _divergence(p: float, q: float) -> float:
    """Kullback-Leibler divergence of two coins, in nats."""
    if q >= 1:
        return math.inf
    value = p * math.log(p / q) if p else 0.0
    return value + (1 - p) * math.log((1 - p) / (1 - q))


def _unit(sample: Sample) -> str:
    met: dict[int, Counter[str]] = defaultdict(Counter)
    for fate in sample.fates:
        if fate.server:
            met[fate.client][fate.server] += 1
    returning = [servers for servers in met.values() if servers.total() > 1]
    return "client" if returning and all(len(servers) == 1 for servers in returning) else "request"


def _units(sample: Sample, unit: str) -> Counter[str]:
    if unit == "request":
        return Counter(fate.server for fate in sample.fates if fate.server)
    first: dict[int, str] = {}
    for fate in sample.fates:
        if fate.server:
            first.setdefault(fate.client, fate.server)
    return Counter(first.values())
