"""Tests that may be looked at after every batch: e-values for "is this part larger (smaller) than it may be?".

Of n units, c are of a kind whose true part must not exceed p₀. For a part p₁ > p₀ the likelihood ratio

    L(p₁) = (p₁ / p₀)ᶜ · ((1 − p₁) / (1 − p₀))ⁿ⁻ᶜ

is a supermartingale as long as each unit's chance, given all before it, is at most p₀ (its mean stays one at p₀, and
falls below), and so is a mean of several: E = mean over p₁ of L(p₁) (Robbins' mixture; Wald's test has one p₁).
By Ville's inequality E ever reaches 1/α with probability ≤ α, so one may look as often as one likes and stop at will.
Means of e-values are e-values; of several anomalies each gets its part of α.

*Units that come in clusters.* Requests of one client that go together to one server are one decision, not many.
Their counts vary more than chance allows, by a factor φ (the design effect); dividing c and n by φ counts decisions.
φ is estimated from slices of time, and taken so high that the true one is above it with probability ≤ 1e-3 if counts
are about normal. This makes the level approximate: the windows simulated in the tests measure what is left of it.

Sources: Wald, Sequential Analysis (1947); Ville, Étude critique de la notion de collectif (1939); Robbins, Ann. Math.
Stat. 41 (1970) 1397; Howard, Ramdas, McAuliffe, Sekhon, Ann. Stat. 49 (2021) 1055; Ramdas, Grünwald, Vovk, Shafer,
Stat. Sci. 38 (2023) 576. Wilson, JASA 22 (1927) 209; Wilson and Hilferty, PNAS 17 (1931) 684.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_STEPS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95, 1.0)
"""The alternatives p₁, as parts of the way from p₀ to 1."""
_NORMAL_999 = 3.0902
"""The normal distribution's quantile of 0.999."""


def log_e_above(count: float, total: float, bound: float) -> float:
    """Ln E of ``count`` among ``total`` units against "their part is at most ``bound``" (0 < bound < 1).

    >>> round(log_e_above(10, 10, 0.5), 2), log_e_above(500, 1000, 0.5) < 0
    (5.55, True)
    """
    terms, rest = [], total - count
    for step in _STEPS:
        part = bound + (1 - bound) * step
        # where the part is 1, a single unit of another kind is impossible
        other = rest * math.log((1 - part) / (1 - bound)) if step < 1 else (0.0 if rest <= 0 else -math.inf)
        terms.append(count * math.log(part / bound) + other)
    return log_mean(terms)


def log_e_below(count: float, total: float, bound: float) -> float:
    """The same against "their part is at least ``bound``"."""
    return log_e_above(total - count, total, 1 - bound)


def log_mean(logs: Sequence[float]) -> float:
    """Ln of the mean of numbers whose logarithms are given; there is at least one."""
    highest = max(logs)
    if math.isinf(highest):
        return highest
    return highest + math.log(math.fsum(math.exp(one - highest) for one in logs) / len(logs))


def at_most_part(count: float, total: float) -> float:
    """Upper bound of a part of which ``count`` of ``total`` units were seen (Wilson's score bound, 99.9 %).

    1 if nothing was seen at all.

    >>> at_most_part(0, 0), round(at_most_part(0, 1000), 4), round(at_most_part(500, 1000), 3)
    (1.0, 0.0095, 0.549)
    """
    if total <= 0:
        return 1.0
    z2 = _NORMAL_999**2
    part = count / total
    spread = _NORMAL_999 * math.sqrt(part * (1 - part) / total + z2 / (4 * total * total))
    return min(1.0, (part + z2 / (2 * total) + spread) / (1 + z2 / total))


@dataclass(frozen=True)
class Variation:
    """How much slices of time differ: Pearson's X² of each against all together, and its degrees of freedom.

    The mean of X² is φ times the degrees of freedom. Two of different times can be added.
    """

    statistic: float = 0.0
    freedom: int = 0

    def __add__(self, other: Variation) -> Variation:
        """Both together."""
        return Variation(self.statistic + other.statistic, self.freedom + other.freedom)

    def design_effect(self) -> float:
        """Upper bound of φ; 1 where counts are evener than chance. Needs a degree of freedom."""
        return max(1.0, self.statistic / _chi_square_low(self.freedom))


def variation(slices: Sequence[Sequence[int]]) -> Variation:
    """From counts of each kind in slices of time.

    >>> variation([[10, 10], [10, 10], [10, 10]])
    Variation(statistic=0.0, freedom=2)
    """
    filled = [one for one in slices if sum(one)]
    kinds = [kind for kind in zip(*filled, strict=True) if sum(kind)]
    if len(filled) < 2 or len(kinds) < 2:
        return Variation()
    whole, statistic = sum(sum(kind) for kind in kinds), 0.0
    for kind in kinds:
        for seen, one in zip(kind, filled, strict=True):
            expected = sum(one) * sum(kind) / whole
            statistic += (seen - expected) ** 2 / expected
    return Variation(statistic, (len(filled) - 1) * (len(kinds) - 1))


def _chi_square_low(freedom: int) -> float:
    """The quantile of 0.001 of χ² (Wilson and Hilferty's cube; a hundredth of the mean at least)."""
    ninth = 2 / (9 * freedom)
    return freedom * max(0.01, (1 - ninth - _NORMAL_999 * math.sqrt(ninth)) ** 3)
