"""The smallest part of something that still does it: delta debugging (Zeller and Hildebrandt 2002, ddmin)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def smallest(parts: Sequence[T], does: Callable[[Sequence[T]], bool]) -> tuple[T, ...]:
    """A part of ``parts`` that ``does`` says yes to, and of which no single member can be left out.

    ``does`` must say yes to ``parts`` as a whole; it is not asked again about those, and about nothing twice. It may
    begin to say no for good (out of time): then the smallest part that was found until then is the answer.

    >>> smallest("abcdefgh", lambda part: {"b", "g"} <= set(part))
    ('b', 'g')
    """
    asked: dict[tuple[int, ...], bool] = {}

    def yes(numbers: tuple[int, ...]) -> bool:
        if numbers not in asked:
            asked[numbers] = does([parts[number] for number in numbers])
        return asked[numbers]

    best = tuple(range(len(parts)))
    pieces = 2
    while len(best) > 1:
        pieces = min(pieces, len(best))
        cuts = [len(best) * number // pieces for number in range(pieces + 1)]
        chunks = [best[start:end] for start, end in itertools.pairwise(cuts)]
        rests = [tuple(number for number in best if number not in set(chunk)) for chunk in chunks]
        if found := next((chunk for chunk in chunks if yes(chunk)), None):
            best, pieces = found, 2
        elif pieces > 2 and (found := next((rest for rest in rests if yes(rest)), None)):
            best, pieces = found, max(pieces - 1, 2)
        elif pieces < len(best):
            pieces *= 2
        else:
            break
    return tuple(parts[number] for number in best)
