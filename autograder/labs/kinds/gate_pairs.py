"""Pairs of load tests, of an old build and a new one, and what a gate should say to each: made by dice, from a seed.

A file has the same shape as in the lab's notebook: ``build``, ``loop`` (``open``, ``closed``), ``rate`` (asked for, a
second), ``users``, ``seconds`` (of one run) and ``runs``, each with ``sent``, ``failed`` and ``ms`` (``mean``, ``50``,
``99``). Run 1 of the old build was followed by run 1 of the new one, and so on: whatever the machine was busy with
struck both.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PASSES: Final = 0
REFUSES: Final = 1
CANNOT_TELL: Final = 2
_RUNS: Final = 20
_SECONDS: Final = 5
_USUAL: Final = {"mean": 85.0, "50": 80.0, "99": 140.0}
"""Milliseconds of a run on a quiet machine."""
_SPREAD: Final = {"mean": 0.03, "50": 0.03, "99": 0.06}
"""How much two runs of one build differ by chance: standard deviation of the logarithm."""
_MOOD: Final = 0.25
"""The same for what the machine's mood does to both runs of a pair."""


@dataclass(frozen=True)
class Sort:
    """A sort of pair: what is right to say, in words what it is, and what somebody overlooks who says otherwise."""

    name: str
    right: int
    told: str
    mistake: str
    why: str


SORTS: Final = (
    Sort(
        "slower",
        REFUSES,
        "25 % slower or more",
        "slower-let-through",
        "The new build loses nearly every pair, and by enough to matter.",
    ),
    Sort(
        "tail",
        REFUSES,
        "slower for one in a hundred",
        "blind-to-the-tail",
        "Mean and middle hardly move when one request in a hundred takes twice as long. The 99th percentile does.",
    ),
    Sort(
        "middle",
        REFUSES,
        "slower in the middle",
        "blind-to-the-middle",
        "Half of all wait longer, and the slowest as long as ever. The 50th percentile shows it, the 99th does not.",
    ),
    Sort(
        "errors",
        REFUSES,
        "faster, with many more errors",
        "errors-are-fast",
        "An error page is the fastest page there is. Before you compare times, compare how many failed: two in a "
        "hundred more are too many.",
    ),
    Sort(
        "same",
        PASSES,
        "equally fast",
        "noise-refused",
        "Nothing differs but chance: one run says little, and so does one failed request. All pairs together say more.",
    ),
    Sort(
        "noise",
        PASSES,
        "equally fast on a machine with other work",
        "noise-refused",
        "What slows a machine slows both runs of a pair, and one wild run is no trend. Look at the ratio of each pair, "
        "and at the middle of the ratios.",
    ),
    Sort(
        "trifle",
        PASSES,
        "surely slower, by 3 %",
        "trifle-refused",
        "Surely slower is not slower by enough to matter. A gate that refuses this will be switched off.",
    ),
    Sort("faster", PASSES, "faster", "faster-refused", "The new build wins nearly every pair."),
    Sort(
        "ailing",
        PASSES,
        "with many errors, before as after",
        "old-errors-refused",
        "Of the old build as many fail. What is wrong with both is no reason to keep the new one out: compare.",
    ),
    Sort(
        "few",
        CANNOT_TELL,
        "too few pairs, or too few requests in a run",
        "too-few-to-tell",
        "Below 10 pairs a coin is as sure as you are. Below 200 requests the 99th percentile is about the worst one.",
    ),
    Sort(
        "closed",
        CANNOT_TELL,
        "measured in a closed loop",
        "closed-loop-believed",
        "In a closed loop a build that freezes is asked less while it is frozen: its times are too good.",
    ),
    Sort(
        "rates",
        CANNOT_TELL,
        "two rates, or runs of two lengths",
        "different-tests-compared",
        "Old and new had to do different work. Then a ratio says nothing about the builds.",
    ),
    Sort(
        "omitted",
        CANNOT_TELL,
        "fewer were sent than the rate asks for",
        "omission-believed",
        "Rate times seconds should have been sent in each run, and much less was: the test waited with the server.",
    ),
    Sort(
        "broken",
        CANNOT_TELL,
        "a file that is empty, cut off, or without runs",
        "crash-is-no-verdict",
        "Python ends with 1 when it crashes, and 1 means slower. What cannot be read, cannot be judged: 2.",
    ),
)
SORT: Final = {sort.name: sort for sort in SORTS}


@dataclass(frozen=True)
class Pair:
    """Two result files and the sort of pair that they are."""

    sort: Sort
    old: bytes
    new: bytes


@dataclass(frozen=True)
class _Build:
    """How a build is measured: times a usual one's, in which test; ``keeps_up`` is the part of a rate that is sent."""

    times: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_USUAL, 1.0))
    failing: float = 0.001
    rate: float = 120.0
    seconds: int = _SECONDS
    users: int = 0
    keeps_up: float = 1.0
    whole: int | None = None
    """The number of a run in which all was sent all the same; -1 is the last."""
    steady: float = 1.0
    """Chance's part in the times: 1 as usual, less for a machine that does nothing else."""
    wild: bool = False
    """One of the runs met something that had nothing to do with the build."""


def make_pairs(seed: int, each: int = 3) -> tuple[Pair, ...]:
    """So many pairs of each sort, in an order that tells nothing; the same for the same seed."""
    dice = random.Random(f"pairs {seed}")
    pairs = [_MAKE[sort.name](dice, sort, number) for sort in SORTS for number in range(each)]
    dice.shuffle(pairs)
    return tuple(pairs)


def _measured(dice: random.Random, sort: Sort, old: _Build, new: _Build, runs: int = _RUNS) -> Pair:
    moods = [math.exp(dice.gauss(0, _MOOD)) for _ in range(runs)]
    return Pair(sort, _file(dice, old, moods), _file(dice, new, moods))


def _file(dice: random.Random, build: _Build, moods: list[float]) -> bytes:
    name = f"{dice.getrandbits(28):07x}"
    wild = dice.randrange(len(moods)) if build.wild else -1
    kept = [build] * len(moods)
    if build.whole is not None:
        kept[build.whole] = replace(build, keeps_up=1.0)
    runs = [
        _run(dice, one, mood, wild=number == wild) for number, (one, mood) in enumerate(zip(kept, moods, strict=True))
    ]
    loop, rate = ("closed", None) if build.users else ("open", build.rate)
    head = {"build": name, "loop": loop, "rate": rate, "users": build.users or None, "seconds": build.seconds}
    return json.dumps({**head, "runs": runs}, indent=1).encode()


def _run(dice: random.Random, build: _Build, mood: float, *, wild: bool) -> dict[str, Any]:
    due = round(build.rate * build.seconds * build.keeps_up)
    failed = sum(dice.random() < build.failing for _ in range(due))
    ms = {
        key: round(usual * build.times[key] * mood * math.exp(dice.gauss(0, _SPREAD[key] * build.steady)), 1)
        for key, usual in _USUAL.items()
    }
    if wild:
        ms = {"mean": round(ms["mean"] * 3, 1), "50": ms["50"], "99": round(ms["99"] * dice.uniform(12, 20), 1)}
    return {"sent": due, "failed": failed, "ms": ms}


def _all(factor: float) -> dict[str, float]:
    return dict.fromkeys(_USUAL, factor)


def _plain(dice: random.Random) -> _Build:
    """A build as it was, at a rate of the day."""
    return _Build(rate=float(dice.choice((100, 120, 150))), failing=dice.choice((0.0005, 0.001, 0.002)))


def _slower(dice: random.Random, sort: Sort, _number: int) -> Pair:
    old = _plain(dice)
    return _measured(dice, sort, old, replace(old, times=_all(dice.uniform(1.25, 1.6))))


def _tail(dice: random.Random, sort: Sort, _number: int) -> Pair:
    old = _plain(dice)
    times = {"mean": 1.01, "50": 0.98, "99": dice.uniform(1.5, 2.5)}
    return _measured(dice, sort, old, replace(old, times=times))


def _middle(dice: random.Random, sort: Sort, _number: int) -> Pair:
    old = _plain(dice)
    slower = dice.uniform(1.35, 1.6)
    return _measured(dice, sort, old, replace(old, times={"mean": slower, "50": slower, "99": 1.0}))


def _errors(dice: random.Random, sort: Sort, number: int) -> Pair:
    old = _plain(dice)
    failing = dice.uniform(0.04, 0.1) if number % 2 else old.failing + 0.027
    return _measured(dice, sort, old, replace(old, times=_all(0.8), failing=failing))


def _same(dice: random.Random, sort: Sort, _number: int) -> Pair:
    old = _plain(dice)
    return _measured(dice, sort, old, old)


def _noise(dice: random.Random, sort: Sort, _number: int) -> Pair:
    old = _plain(dice)
    return _measured(dice, sort, old, replace(old, wild=True))


def _trifle(dice: random.Random, sort: Sort, _number: int) -> Pair:
    old = replace(_plain(dice), steady=0.1)
    return _measured(dice, sort, old, replace(old, times=_all(1.03)))


def _faster(dice: random.Random, sort: Sort, _number: int) -> Pair:
    old = _plain(dice)
    return _measured(dice, sort, old, replace(old, times=_all(dice.uniform(0.65, 0.85))))


def _ailing(dice: random.Random, sort: Sort, _number: int) -> Pair:
    old = replace(_plain(dice), failing=dice.uniform(0.025, 0.03))
    return _measured(dice, sort, old, old)


def _few(dice: random.Random, sort: Sort, number: int) -> Pair:
    """Sometimes by far, sometimes only just too few."""
    old = _plain(dice)
    new = replace(old, times=_all(dice.choice((1.0, 1.4))))
    if number % 2:
        rate = dice.choice((32.0, 38.0))
        return _measured(dice, sort, replace(old, rate=rate), replace(new, rate=rate))
    return _measured(dice, sort, old, new, runs=9 if number else dice.randint(2, 6))


def _closed(dice: random.Random, sort: Sort, number: int) -> Pair:
    closed = replace(_plain(dice), users=dice.choice((8, 12, 20)))
    new = replace(closed, times=_all(dice.choice((1.0, 1.4))), keeps_up=dice.uniform(0.9, 1.1))
    return _measured(dice, sort, closed if number % 2 else replace(closed, users=0), new)


def _rates(dice: random.Random, sort: Sort, number: int) -> Pair:
    old = _plain(dice)
    other = replace(old, seconds=2 * _SECONDS) if number % 2 else replace(old, rate=old.rate * dice.choice((0.5, 0.8)))
    return _measured(dice, sort, old, replace(other, times=_all(dice.choice((0.9, 1.3)))))


def _omitted(dice: random.Random, sort: Sort, number: int) -> Pair:
    whole = _plain(dice)
    # Whoever looks at one run only, the first or the last, sees nothing in one of them.
    short = replace(whole, keeps_up=dice.uniform(0.5, 0.75), whole=(0, -1, None)[number % 3])
    return _measured(dice, sort, short, whole) if number % 2 else _measured(dice, sort, whole, short)


def _broken(dice: random.Random, sort: Sort, number: int) -> Pair:
    whole = _same(dice, sort, number)
    head = json.loads(whole.new)
    ways = (b"", whole.new[: len(whole.new) // 2], json.dumps({**head, "runs": []}).encode())
    broken = ways[number % len(ways)]
    return replace(whole, old=broken) if number % 2 else replace(whole, new=broken)


_MAKE: Final[dict[str, Callable[[random.Random, Sort, int], Pair]]] = {
    "slower": _slower,
    "tail": _tail,
    "middle": _middle,
    "errors": _errors,
    "same": _same,
    "noise": _noise,
    "trifle": _trifle,
    "faster": _faster,
    "ailing": _ailing,
    "few": _few,
    "closed": _closed,
    "rates": _rates,
    "omitted": _omitted,
    "broken": _broken,
}
