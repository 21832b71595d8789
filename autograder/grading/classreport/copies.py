"""Likely copies: what few share and chance does not explain. A hint to look, never a proof.

Every peculiarity (:mod:`~autograder.grading.classreport.oddities`) that two students share is worth some bits: the
rarer in this class, the more. A pair is named when its bits are more than chance would give to any pair of a class this
large, so that a class of people who worked alone names nobody in nine cases of ten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import log2
from typing import Final

from autograder.grading.classreport.oddities import Oddity

MOST_SHARERS: Final = 30
"""What more than these share is weighed as a whole, not pair by pair: the work grows with their square."""
_FEWEST_BITS: Final = 10.0
_MOST_SHOWN: Final = 6
_DEPENDENT: Final = 5


@dataclass(frozen=True)
class Shared:
    """A peculiarity and who in the group has it. ``bits`` are what it is worth by itself."""

    kind: str
    shown: str
    students: tuple[str, ...]
    bits: float


@dataclass(frozen=True)
class Group:
    """Students whose work agrees more than chance explains; ``bits`` of its strongest pair, ``limit`` it passed."""

    students: tuple[str, ...]
    shared: tuple[Shared, ...]
    bits: float
    limit: float


def limit_of(students: int) -> float:
    """The bits a pair needs: log2 of the number of pairs, and log2(10) more.

    A coincidence of b bits happens to a given pair with chance 2^-b, so that with this limit one pair is expected in
    ten classes of people who worked alone.
    """
    pairs = students * (students - 1) / 2
    return max(_FEWEST_BITS, log2(max(1.0, pairs)) + log2(10))


def worth(oddity: Oddity, sharers: int, students: int) -> float:
    """The bits of an oddity that ``sharers`` of ``students`` have; 0 when it is common.

    Rarity: -log2 of the part of the class that has it. A comment is worth at least a bit for each letter beyond the
    first few, about what a letter of English prose tells (Shannon, "Prediction and entropy of printed English", *Bell
    System Technical Journal* 30, 1951).
    """
    if sharers > max(4.0, students / 10) or (students >= 4 and 4 * sharers >= 3 * students):
        return 0.0
    return max(oddity.own_bits, log2((students + 1) / sharers))


def likely_copies(work: Mapping[str, Sequence[Oddity]]) -> tuple[Group, ...]:
    """The groups in ``work`` (student → oddities), the most striking first; the same for any order of students."""
    students = sorted(work)
    limit = limit_of(len(students))
    first: dict[tuple[str, str], Oddity] = {}
    holders: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, student in enumerate(students):
        for oddity in work[student]:
            key: tuple[str, str] = (oddity.kind, oddity.key)
            first.setdefault(key, oddity)
            holders[key].append(index)
    together: dict[tuple[int, ...], list[tuple[Oddity, float]]] = defaultdict(list)
    for key, indexes in holders.items():
        if len(indexes) > 1 and (bits := worth(first[key], len(indexes), len(students))):
            together[tuple(indexes)].append((first[key], bits))
    pairs = _weigh_pairs(together, limit)
    strong = {pair: bits for pair, bits in pairs.items() if bits >= limit}
    groups = []
    for members in _joined(strong):
        bits = max(bits for (one, _), bits in strong.items() if one in members)
        groups.append(
            Group(tuple(students[i] for i in members), _shown(members, together, students), round(bits, 1), limit)
        )
    return tuple(sorted(groups, key=lambda group: (-group.bits, group.students)))


def _weigh_pairs(
    together: Mapping[tuple[int, ...], Sequence[tuple[Oddity, float]]], limit: float
) -> dict[tuple[int, int], float]:
    """Pair → bits. What exactly the same students share is one story, and counts little more than its best part."""
    pairs: dict[tuple[int, int], float] = defaultdict(float)
    for indexes, shared in together.items():
        texts = [bits for oddity, bits in shared if oddity.own_bits]
        others = sorted((bits for oddity, bits in shared if not oddity.own_bits), reverse=True)[:_DEPENDENT]
        bits = sum(texts) + sum(others[:1]) + sum(others[1:]) / 2
        if len(indexes) <= MOST_SHARERS:
            for pair in combinations(indexes, 2):
                pairs[pair] += bits
        elif bits >= limit:
            for pair in pairwise(indexes):
                pairs[pair] += bits
    return pairs


def _joined(pairs: Mapping[tuple[int, int], float]) -> list[tuple[int, ...]]:
    """The members of each connected group."""
    leader: dict[int, int] = {}

    def lead(one: int) -> int:
        leader.setdefault(one, one)
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    for one, other in pairs:
        leader[lead(other)] = lead(one)
    groups: dict[int, list[int]] = defaultdict(list)
    for one in sorted(leader):
        groups[lead(one)].append(one)
    return [tuple(members) for members in groups.values()]


def _shown(
    members: tuple[int, ...],
    together: Mapping[tuple[int, ...], Sequence[tuple[Oddity, float]]],
    students: Sequence[str],
) -> tuple[Shared, ...]:
    """What at least two members share, the most telling first."""
    inside = set(members)
    found = [
        Shared(oddity.kind, oddity.shown, tuple(students[i] for i in indexes if i in inside), round(bits, 1))
        for indexes, shared in together.items()
        if sum(i in inside for i in indexes) > 1
        for oddity, bits in shared
    ]
    return tuple(sorted(found, key=lambda one: (-one.bits, one.kind, one.shown))[:_MOST_SHOWN])
