"""How long a server works on a page: the same always, or drawn from a distribution.

Runs on a node with nothing but the standard library.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SPREAD = math.sqrt(math.log(2))
"""Sigma of the lognormal distribution whose standard deviation is its mean: sqrt(ln(1 + (sd / mean)²))."""


def drawing(kind: str, seed: str) -> Callable[[float], float]:
    """A function from a mean to a service time, both in the same unit.

    ``kind`` is one of ``model.SERVICE_TIMES``. The same ``seed`` gives the same times in the same order. Raises
    :class:`ValueError` for another kind.
    """
    if kind == "constant":
        return lambda mean: mean
    import random  # most servers need none, and it costs a tenth of the time to start them

    dice = random.Random(seed)
    if kind == "exponential":
        return lambda mean: -mean * math.log(1.0 - dice.random())
    if kind == "lognormal":
        return lambda mean: mean * math.exp(dice.gauss(-_SPREAD * _SPREAD / 2, _SPREAD))
    raise ValueError(f"there is no service time called {kind!r}")
