"""The campaign: hundreds of incidents and benign changes, by chance, played to the guard's own core.

Every change meets real balancers, real servers, 200 requests a second and a git repository of its own; a third of them
goes to a canary beside which a second balancer is the control. In one of five the guard is killed at a step and must
finish what it left; in a campaign of kills each guard is a process, and each gets a real SIGKILL at a random moment, or
two. A campaign can be stopped and taken up again: what was played stands in a file, a line each, and numbers fix what
is played.

*Side by side.* A change takes about 8 s, nearly all of it waiting for traffic, and 2 s of a processor. So several are
played at a time. Where processors are busy answers come late, which is what a bad change looks like: another one
begins only while a fifth of them is idle, or busy with what gives way (`nice`).
"""

from __future__ import annotations

import json
import os
import random
import statistics
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.bench.fairness import CONFIDENCE, upper_bound
from autograder.bench.guard_apart import Blow
from autograder.bench.guard_cases import balancers, draw
from autograder.bench.guard_play import RATE, Played, play
from autograder.errors import ManyHandsError
from autograder.guard.state import Step
from autograder.stack.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CHANGES = 500
"""So many incidents, and as many benign changes."""
GOAL = {"reverted": 0.995, "restore_s": 5.0, "false": 0.005}
"""Part of bad changes that is taken back at least; median of seconds that takes; part of benign ones at most."""
_KILLED_EVERY = 5
_CANARY_STEPS = (Step.CANARY, Step.WATCH_CANARY)
_BACK_STEPS = (Step.RESTORE, Step.CLEAR, Step.COMMIT, Step.VERIFY, Step.RECOVER, Step.FREEZE)
_TASKS_A_PROCESS = 25
_A_PROCESSOR = 3
"""So many changes are played for each processor, at most, unless somebody says."""
_IDLE = 0.2
_LOOK_S = 0.5
_LONGEST_BLOW_S = 0.4


@dataclass(frozen=True)
class Campaign:
    """What was played. ``ours`` could not be played, through our fault; ``load`` is the machine's, at the end."""

    played: tuple[Played, ...]
    ours: tuple[str, ...]
    load: float

    def of(self, bad: bool) -> tuple[Played, ...]:
        """The incidents, or the benign changes."""
        return tuple(one for one in self.played if one.bad is bad)

    @property
    def numbers(self) -> dict[str, Any]:
        """All that is counted."""
        bad, benign = self.of(bad=True), self.of(bad=False)
        back = sum(one.outcome == "reverted" for one in bad)
        false = sum(one.outcome in ("reverted", "good-is-bad", "not-restored") for one in benign)
        times = sorted(one.restore_s for one in bad if one.outcome == "reverted" and one.restore_s and not one.killed)
        return {
            "bad": len(bad),
            "reverted": back,
            "refused": sum(one.outcome == "refused" for one in bad),
            "missed": len(bad) - sum(one.right for one in bad),
            "missed_at_most": upper_bound(len(bad) - sum(one.right for one in bad), len(bad)),
            "benign": len(benign),
            "false": false,
            "false_at_most": upper_bound(false, len(benign)),
            "held": sum(one.outcome == "held" for one in benign),
            "restore_s": round(statistics.median(times), 2) if times else 0.0,
            "restore_p95_s": times[int(0.95 * (len(times) - 1))] if times else 0.0,
            "requests": sum(one.requests for one in benign),
            "lost": sum(one.lost for one in benign),
            "stuck": sum(bool(one.stuck) for one in self.played),
            "not_well": sum(not one.well for one in self.played if one.right),
            "two_balancers": sum(one.balancers > 1 for one in self.played),
            "killed": sum(bool(one.killed) for one in self.played),
            "killed_at": sorted({one.killed for one in self.played if one.killed}),
        }

    @property
    def exit_code(self) -> int:
        """0 if nothing came out that should not: see :data:`GOAL`; times are told and not judged. Else 1."""
        found = self.numbers
        missed = found["missed"] > (1 - GOAL["reverted"]) * found["bad"]
        false = found["false"] > GOAL["false"] * found["benign"]
        return int(bool(missed or false or found["lost"] or found["stuck"] or found["not_well"] or self.ours))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        wrong = [asdict(one) for one in self.played if not one.right or one.stuck or one.lost or not one.well]
        return {**self.numbers, "ours": self.ours, "load": self.load, "to_look_at": wrong, "ok": not self.exit_code}

    def report(self) -> str:
        """The same for people."""
        found = self.numbers
        took = f"{found['restore_s']:.1f} s in the median, {found['restore_p95_s']:.1f} s in 95 %"
        lines = [
            f"bad changes        {found['bad']}: {found['reverted']} taken back, {found['refused']} never let in, "
            f"{found['missed']} missed (true rate below {found['missed_at_most']:.1%}, {CONFIDENCE:.0%})",
            f"time to restore    {took if found['restore_s'] else 'not taken: guards were killed'} "
            f"({RATE:.0f} requests a second, load of the machine {self.load:.1f})",
            f"benign changes     {found['benign']}: {found['false']} taken back (true rate below "
            f"{found['false_at_most']:.1%}), {found['held']} held for a person",
            f"lost to the guard  {found['lost']} of {found['requests']} requests",
            f"guard killed       in {found['killed']} changes, at {len(found['killed_at'])} places; "
            f"stuck {found['stuck']}, not well afterwards {found['not_well']}",
            f"with a canary      {found['two_balancers']} of {len(self.played)} changes",
        ]
        for one in self.played:
            if not one.right or one.stuck or one.lost or not one.well:
                said = one.stuck or one.why or f"{one.lost} requests lost {dict(one.lost_how)}"
                name = f"{'bad' if one.bad else 'benign'} {one.number}, {one.proxy} {one.kind}"
                lines.append(f"  {name}: {one.outcome}{f', killed at {one.killed}' if one.killed else ''}: {said}")
        return "\n".join([*lines, *(f"  not played: {why}" for why in self.ours)])


def measure(
    incidents: int = CHANGES,
    benign: int = CHANGES,
    say: Callable[[str], None] = lambda _: None,
    *,
    seed: int = 1,
    jobs: int = 0,
    record: Path | None = None,
    kill: bool = False,
) -> Campaign:
    """Play so many changes, ``jobs`` at a time at most (0: as many as fit).

    ``record`` is a file of what was played, which is not played again. With ``kill`` each guard gets a real SIGKILL.
    Raises :class:`ManyHandsError` for numbers that make no sense and a record that is none.
    """
    if incidents < 0 or benign < 0 or jobs < 0:
        raise ManyHandsError("a campaign plays none or more changes, one or more at a time")
    wanted = [(bad, number) for bad, count in ((True, incidents), (False, benign)) for number in range(count)]
    wanted.sort(key=lambda one: (one[1], one[0]))  # so that a campaign that is cut short has both
    done = {(one.bad, one.number): one for one in _recorded(record, seed, kill=kill)}
    left = [one for one in wanted if one not in done]
    ours: list[str] = []
    at_once = jobs or _A_PROCESSOR * len(os.sched_getaffinity(0))
    for (bad, number), result in _all(left, seed, at_once, kill=kill):
        if isinstance(result, Played):
            done[bad, number] = result
            _write(record, seed, result, kill=kill)
            say(f"{len(done)} of {len(wanted)}: {result.proxy} {result.kind}: {result.outcome}")
        else:
            ours.append(f"{'bad' if bad else 'benign'} {number}: {type(result).__name__}: {result}")
    return Campaign(tuple(done[one] for one in wanted if one in done), tuple(ours), round(os.getloadavg()[0], 1))


def places(number: int, bad: bool) -> tuple[tuple[Step, str], ...]:
    """All that a guard comes by with the change of that number, if it decides right."""
    two = balancers(number) > 1
    steps = (Step.LINT, Step.BEFORE, *(_CANARY_STEPS if two else ()))
    steps += () if bad and two else (Step.REST, Step.WATCH)
    steps += _BACK_STEPS if bad else (Step.KEEP,)
    return tuple((step, phase) for step in steps for phase in ("begun", "done"))


def killed_at(seed: int, number: int, bad: bool) -> tuple[Step, str] | None:
    """At which step the guard is killed in the change of that number, if it is: they come in turn."""
    five, rest = divmod(number, _KILLED_EVERY)
    if rest != _KILLED_EVERY - 1:
        return None
    every = places(number, bad)
    turn = five // 3 if balancers(number) > 1 else five - five // 3 - 1
    return every[(seed + turn) % len(every)]


def blows(seed: int, number: int, bad: bool) -> tuple[Blow, ...]:
    """When guards are killed in a campaign of kills: one, or two of them, at a random moment of a random step."""
    dice = random.Random(f"{seed} {number} {bad} kill")
    steps = dice.choices(places(number, bad), k=dice.choice((1, 2)))
    return tuple(Blow(*at, round(dice.choice((0.0, dice.uniform(0, _LONGEST_BLOW_S))), 2)) for at in steps)


def _one(seed: int, number: int, bad: bool, kill: bool) -> Played:
    change = draw(seed, number, bad)
    return (
        play(number, change, blows=blows(seed, number, bad))
        if kill
        else play(number, change, killed_at(seed, number, bad))
    )


class _Processors:
    """How busy this machine's processors are, from one look to the next."""

    def __init__(self) -> None:
        self._last = self._count()

    def some_idle(self) -> bool:
        """Whether enough of them was free for us since the last look."""
        idle, whole = self._count()
        was_idle, was_whole = self._last
        self._last = (idle, whole)
        return idle - was_idle >= _IDLE * (whole - was_whole)

    @staticmethod
    def _count() -> tuple[int, int]:
        whole = Path("/proc/stat").read_text(encoding="utf-8").partition("\n")[0]
        parts = [int(word) for word in whole.split()[1:9]]
        _, nice, _, idle, *_ = parts
        return idle + (nice if os.nice(0) <= 0 else 0), sum(parts)


def _all(
    left: Sequence[tuple[bool, int]], seed: int, jobs: int, *, kill: bool
) -> Iterator[tuple[tuple[bool, int], Played | Exception]]:
    """Play them in rounds, each of which has new processes: what an old one has gathered must not slow the guard.

    A pool that replaces its processes one by one sometimes waits for ever in CPython 3.11 (gh-115634).
    """
    size = jobs * _TASKS_A_PROCESS
    for begin in range(0, len(left), size):
        yield from _round(left[begin : begin + size], seed, jobs, kill=kill)


def _round(
    left: Sequence[tuple[bool, int]], seed: int, jobs: int, *, kill: bool
) -> Iterator[tuple[tuple[bool, int], Played | Exception]]:
    """Play them, each in one of some processes; whatever went wrong comes in place of what was played."""
    processors = _Processors()
    with Workers(jobs) as workers:
        waiting = iter(left)
        under_way: dict[Future[Played], tuple[bool, int]] = {}
        looked, more = time.monotonic(), True
        while True:
            fits = not under_way or (more and len(under_way) < jobs and processors.some_idle())
            if fits and (one := next(waiting, None)) is not None:
                under_way[workers.submit(_one, seed, one[1], one[0], kill)] = one
            if not under_way:
                return
            over = wait(under_way, max(0.0, looked + _LOOK_S - time.monotonic()), FIRST_COMPLETED).done
            # one more at each look, so that the next look sees what it costs
            if more := time.monotonic() - looked >= _LOOK_S:
                looked = time.monotonic()
            for future in over:
                one = under_way.pop(future)
                try:
                    yield one, future.result()
                except Exception as error:
                    yield one, error


def _recorded(record: Path | None, seed: int, *, kill: bool) -> Iterator[Played]:
    if record is None or not record.exists():
        return
    for number, line in enumerate(record.read_text(encoding="utf-8").splitlines(), 1):
        try:
            data = json.loads(line)
            if (data.pop("seed"), data.pop("kill", False)) == (seed, kill):
                yield Played(**data)
        except (ValueError, TypeError, KeyError) as error:
            raise ManyHandsError(
                "this is no record of a campaign",
                where=f"{record}:{number}",
                why=str(error),
                remedy="give another file",
            ) from None


def _write(record: Path | None, seed: int, one: Played, *, kill: bool) -> None:
    if record is not None:
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"seed": seed, "kill": kill, **asdict(one)}) + "\n")
