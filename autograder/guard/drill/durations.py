"""Lengths of time as people write them: ``90s``, ``5m``, ``1.5h``, ``2d``."""

from __future__ import annotations

import re

from autograder.errors import ManyHandsError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_LONGEST_S = 10 * 365 * 86400.0


def seconds(words: str, where: str = "") -> float:
    """Seconds in a length of time; raises :class:`ManyHandsError` for anything else.

    >>> seconds("5m")
    300.0
    """
    found = _WRITTEN.fullmatch(words.strip().lower())
    length = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < length <= _LONGEST_S:
        raise ManyHandsError(
            f"{words!r} is no length of time", where=where, remedy="write a number and a unit: 90s, 5m, 24h, 2d"
        )
    return length


def in_words(length: float) -> str:
    """A length of time in seconds, short enough for a table.

    >>> in_words(7.3), in_words(330), in_words(90_000)
    ('7.3 s', '5 min 30 s', '1 d 1 h')
    """
    if length < 60:
        return f"{length:.1f} s"
    whole = round(length)
    for size, name, smaller, its_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name}" + (f" {rest} {its_name}" if rest else "")
    return f"{whole} s"
