"""What alert rules are played: incidents that they must see in time, and days on which nothing is wrong.

Which server it is, when it begins and how strong it is comes from the seed. Times are seconds since a recording began.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from autograder.labs.kinds.alerts_world import STEP_S, Moment, Value, World, fair, leaning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PINNED, LEANING, FAILING, REFUSED, SLOW, GONE = "pinned", "leaning", "failing", "refused", "slow", "gone"
RESTARTS, NIGHT, MINUTE, CANARY, HICCUP = "restarts", "night", "minute", "canary", "hiccup"
INCIDENTS: Final = (PINNED, LEANING, FAILING, REFUSED, SLOW, GONE)
QUIET: Final = (RESTARTS, NIGHT, MINUTE, CANARY, HICCUP)
SCENES: Final = (*INCIDENTS, *QUIET)
LIVE: Final = "live"
"""A recording that begins on a real stack; see :mod:`autograder.labs.kinds.alerts_live`."""

_LONGEST: Final = 160
"""Steps of the longest recording: 80 minutes."""
_DAY_STEPS: Final = 75
_NIGHT_STEPS: Final = 110
_AFTER: Final = 4
"""Steps that are recorded beyond what is asked about."""
LINGERS_S: Final = 900
"""Seconds after which an alert about something that was mended is to be silent."""
BUDGET: Final = 2500
"""Requests that may fail before somebody knows: three per cent of what a month may lose at 32 requests a second."""
LEAVE_S: Final = 5.0
"""Seconds after which people leave."""
_RATE: Final = 8.0
"""Requests a second for each server, of the 20 that it can answer."""
_SOME: Final = 20
"""Failed requests that nobody is woken for."""


@dataclass(frozen=True)
class Scene:
    """One recording: series of Prometheus, one value each :data:`STEP_S` seconds, and what is true about it.

    ``begins`` is when the incident does, and ``too_late`` when users feel it, which ``harm`` says in words; ``over`` is
    when it was mended, if it was. On a quiet day all are None. ``server`` is to be named by the alert.
    """

    name: str
    told: str
    series: Mapping[str, list[Value]]
    begins: int | None = None
    too_late: int | None = None
    harm: str = ""
    over: int | None = None
    server: str = ""


@dataclass(frozen=True)
class _Plan:
    told: str
    moments: Callable[[int], Moment]
    begins: int | None = None
    server: str = ""
    mended: int | None = None
    steps: int = _LONGEST
    budget: int = _SOME
    patience: bool = False


def scenes(names: tuple[str, ...], seed: int) -> Iterator[Scene]:
    """Every recording, for servers called ``names`` (at least three)."""
    for name in SCENES:
        dice = random.Random(f"{seed} {name}")
        yield _played(name, names, _PLANS[name](names, dice), dice)


def counted(names: tuple[str, ...], before: Sequence[int], after: Sequence[int], seed: int) -> Scene:
    """The recording :data:`LIVE`: servers have the shares that they were counted to have before and after a change."""
    dice = random.Random(f"{seed} {LIVE}")
    begins, most = _begin(dice), max(range(len(names)), key=lambda number: after[number])
    usual = Moment(_RATE * len(names), _shares(before))
    skewed = replace(usual, shares=_shares(after))

    def moments(at: int) -> Moment:
        return skewed if at > begins else usual

    share = _shares(after)[most]
    told = f"HAProxy loads a change, and {after[most]} of {sum(after)} requests, {share:.0%}, reach {names[most]}"
    return _played(LIVE, names, _Plan(told, moments, begins, names[most]), dice)


def _shares(counts: Sequence[int]) -> tuple[float, ...]:
    return tuple(count / sum(counts) for count in counts)


def _played(name: str, names: tuple[str, ...], plan: _Plan, dice: random.Random) -> Scene:
    world = World(names, dice)
    failed_before, too_late = 0, None
    for step in range(plan.steps):
        at = step * STEP_S
        world.step(plan.moments(at))
        if plan.begins is None or at <= plan.begins:
            failed_before = world.failed
        elif too_late is None:
            left = plan.patience and world.slowest_s > LEAVE_S
            if left or world.failed - failed_before > plan.budget + (at - plan.begins) * 0.02:
                too_late = at
        asked = max(too_late or 0, plan.mended + LINGERS_S if plan.mended else 0) + _AFTER * STEP_S
        if too_late is not None and at >= asked:
            break
    harm = f"{plan.budget:,} requests had failed" if plan.budget == BUDGET else "the first users saw errors"
    harm = f"people waited {LEAVE_S:g} s and left" if plan.patience else harm
    return Scene(name, plan.told, world.series, plan.begins, too_late, harm, plan.mended, plan.server)


def _begin(dice: random.Random) -> int:
    return STEP_S * dice.randint(80, 90)


def _moment_of_a_day(dice: random.Random) -> int:
    return STEP_S * dice.randint(25, 35)


def _pinned(names: tuple[str, ...], dice: random.Random) -> _Plan:
    count, whose, begins = len(names), dice.randrange(len(names)), _begin(dice)
    usual = Moment(_RATE * count, fair(count))
    share = (20 + dice.uniform(2.9, 3.4)) / usual.rate  # it can answer 20 a second, and has room for 900
    skewed = replace(usual, shares=leaning(count, whose, share))
    mended = begins + 600

    def moments(at: int) -> Moment:
        return skewed if begins < at <= mended else replace(usual, healed=at > mended)

    told = f"A change gives {names[whose]} {share:.0%} of all requests"
    return _Plan(told, moments, begins, names[whose], mended=mended)


def _leaning(names: tuple[str, ...], dice: random.Random) -> _Plan:
    count, whose, begins = len(names), dice.randrange(len(names)), _begin(dice)
    share, growth = dice.uniform(1.95, 2.1) / count, dice.uniform(0.023, 0.029) / 60

    def moments(at: int) -> Moment:
        rate = _RATE * count * (1 + max(0, at - begins) * growth)
        return Moment(rate, leaning(count, whose, share) if at > begins else fair(count), weights=fair(count))

    more = f"Visitors' cookies give {names[whose]} {share * count:.1f} times its fair share, and weights stay equal"
    told = f"{more}; the evening brings more and more people"
    return _Plan(told, moments, begins, names[whose])


def _failing(names: tuple[str, ...], dice: random.Random) -> _Plan:
    return _errors(names, dice, at_servers=True)


def _refused(names: tuple[str, ...], dice: random.Random) -> _Plan:
    return _errors(names, dice, at_servers=False)


def _errors(names: tuple[str, ...], dice: random.Random, *, at_servers: bool) -> _Plan:
    usual, begins = Moment(_RATE * len(names), fair(len(names))), _begin(dice)
    part, mended = dice.uniform(0.2, 0.3), begins + 600
    ill = replace(usual, failing=part) if at_servers else replace(usual, refused=part)
    who = "the servers answer" if at_servers else "the balancer reaches no server and answers"

    def moments(at: int) -> Moment:
        return ill if begins < at <= mended else usual

    told = f"For {part:.0%} of all requests {who} with an error"
    return _Plan(told, moments, begins, mended=mended, budget=BUDGET)


def _slow(names: tuple[str, ...], dice: random.Random) -> _Plan:
    usual, begins = Moment(_RATE * len(names), fair(len(names))), _begin(dice)
    growth = dice.uniform(0.45, 0.6) / 60

    def moments(at: int) -> Moment:
        return replace(usual, extra_s=min(8.0, max(0, at - begins) * growth))

    told = f"Every answer takes longer and longer: {growth * 60:.1f} s more each minute"
    return _Plan(told, moments, begins, patience=True, budget=10**9)


def _gone(names: tuple[str, ...], dice: random.Random) -> _Plan:
    count, whose, begins = len(names), dice.randrange(len(names)), _begin(dice)
    growth = dice.uniform(0.05, 0.06) / 60

    def moments(at: int) -> Moment:
        rate = _RATE * count * (1 + max(0, at - begins) * growth)
        return Moment(rate, fair(count), away=frozenset({whose}) if at > begins else frozenset())

    told = f"{names[whose]} is gone. The others can do its work, until the evening brings more people"
    return _Plan(told, moments, begins, names[whose])


def _restarts(names: tuple[str, ...], dice: random.Random) -> _Plan:
    usual, begins, gap = (
        Moment(_RATE * len(names), fair(len(names))),
        _moment_of_a_day(dice),
        STEP_S * dice.randint(5, 7),
    )

    def moments(at: int) -> Moment:
        whose, since = divmod(at - begins, gap)
        restarts = 0 <= whose < len(names) and since < 2 * STEP_S
        return replace(usual, away=frozenset({whose}), burst=int(since == 0)) if restarts else usual

    return _Plan("A release: each server is restarted in turn and is away for a minute", moments, steps=_DAY_STEPS)


def _night(names: tuple[str, ...], dice: random.Random) -> _Plan:
    quiet = Moment(1 / 50, fair(len(names)))
    bad = {STEP_S * step for step in dice.sample(range(40, _NIGHT_STEPS - 5, 9), 4)}

    def moments(at: int) -> Moment:
        return replace(quiet, burst=1) if at in bad else quiet

    return _Plan("A night: a request a minute or none, and four of them fail", moments, steps=_NIGHT_STEPS)


def _minute(names: tuple[str, ...], dice: random.Random) -> _Plan:
    usual, begins = Moment(_RATE * len(names), fair(len(names))), _moment_of_a_day(dice)

    def moments(at: int) -> Moment:
        return replace(usual, extra_s=2.5) if begins < at <= begins + 60 else usual

    return _Plan("One slow minute: a backup makes every answer 2.5 s longer", moments, steps=_DAY_STEPS)


def _canary(names: tuple[str, ...], dice: random.Random) -> _Plan:
    whose, begins = dice.randrange(len(names)), _moment_of_a_day(dice)
    usual = Moment(_RATE * len(names), fair(len(names)))

    def moments(at: int) -> Moment:
        return replace(usual, shares=leaning(len(names), whose, 0.1)) if at > begins else usual

    return _Plan(f"A canary: {names[whose]} gets 10 % of the requests, as is meant", moments, steps=_DAY_STEPS)


def _hiccup(names: tuple[str, ...], dice: random.Random) -> _Plan:
    usual, at_once = Moment(_RATE * len(names), fair(len(names))), _moment_of_a_day(dice)

    def moments(at: int) -> Moment:
        return replace(usual, burst=30) if at == at_once else usual

    return _Plan("30 requests fail within a few seconds, and never again", moments, steps=_DAY_STEPS)


_PLANS: Final[Mapping[str, Callable[[tuple[str, ...], random.Random], _Plan]]] = {
    PINNED: _pinned,
    LEANING: _leaning,
    FAILING: _failing,
    REFUSED: _refused,
    SLOW: _slow,
    GONE: _gone,
    RESTARTS: _restarts,
    NIGHT: _night,
    MINUTE: _minute,
    CANARY: _canary,
    HICCUP: _hiccup,
}
