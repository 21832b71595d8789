"""Windows of traffic made by chance, benign and bad, for the judgement of the guard. Seeded: always the same ones.

``python -m tests.guard.simulated 20000`` plays so many benign watches, and each incident 500 times.
"""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autograder.guard.anomaly import Watcher
from autograder.guard.counts import Decision, Intent, Kind, ServerCount, Window, bucket, since

if TYPE_CHECKING:
    from collections.abc import Iterator

EVEN = Intent({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})
CANARY = Intent({"a": 0.33, "b": 0.33, "c": 0.33, "d": 0.01})
Deal = Callable[[random.Random, int, int], Counter[str]]
"""From dice, how many requests and which look to requests by server."""


@dataclass(frozen=True)
class Traffic:
    """How traffic comes and fares."""

    deal: Deal
    rate: float = 50.0
    """Requests from one look to the next, about."""
    errors: float = 0.0
    ms: float = 8.0
    queued: int = 0
    busy: float = 1.0
    """Answers of some looks, at random, take so many times as long: the machine has something else to do."""


def in_turn(dice: random.Random, count: int, look: int) -> Counter[str]:
    return Counter({name: (count + dice.randrange(3)) // 3 for name in "abc"})


def by_chance(*weights: float) -> Deal:
    names = "abcd"[: len(weights)]
    return lambda dice, count, _: Counter(dice.choices(names, weights, k=count))


def sessions(size: float) -> Deal:
    """Clients come, send some requests to one server, and go."""

    def deal(dice: random.Random, count: int, look: int) -> Counter[str]:
        dealt: Counter[str] = Counter()
        while count > 0:
            some = min(count, int(dice.expovariate(1 / size)) + 1)
            dealt[dice.choice("abc")] += some
            count -= some
        return dealt

    return deal


def clients(dice: random.Random, count: int) -> Deal:
    """So many clients, some busier than others, each always at one server."""
    at = [dice.choice("abc") for _ in range(count)]
    busy = [dice.expovariate(1) + 0.2 for _ in range(count)]
    return lambda own, requests, _: Counter(own.choices(at, busy, k=requests))


def watched(
    dice: random.Random, before: Traffic, after: Traffic, intent: Intent = EVEN, looks: int = 20, slices: int = 10
) -> tuple[Decision, int]:
    """Watch a change; the decision, and after how many requests it was made."""
    past = list(_growing(dice, before, intent, slices))
    parts = [since(now, was) for was, now in zip([Window(0.0), *past], past, strict=False)]
    watcher = Watcher(intent, past[-1] if past else Window(0.0), slices=parts)
    for number, now in enumerate(_growing(dice, after, intent, looks), 1):
        decision = watcher.look(now, over=number == looks)
        if decision.kind is not Kind.WATCHING:
            return decision, now.requests
    raise AssertionError("a watch that is over was not decided")


def _growing(dice: random.Random, traffic: Traffic, intent: Intent, looks: int) -> Iterator[Window]:
    every: dict[str, ServerCount] = {name: ServerCount(name, 0) for name in intent.fair}
    for look in range(looks):
        # the load of a day in six seconds: half as much again, and half as much
        rate = traffic.rate * (1 + 0.5 * math.sin(look / 3))
        ms = traffic.ms * (dice.uniform(1, traffic.busy) if traffic.busy > 1 else 1)
        for name, count in traffic.deal(dice, max(0, round(dice.gauss(rate, math.sqrt(rate)))), look).items():
            was = every[name]
            failed = sum(dice.random() < traffic.errors for _ in range(count)) if traffic.errors else 0
            latency = list(was.latency)
            for _ in range(count):
                latency[bucket(dice.lognormvariate(math.log(ms), 0.3))] += 1
            every[name] = replace(
                was,
                requests=was.requests + count,
                failed=was.failed + failed,
                latency=tuple(latency),
                queued=traffic.queued,
            )
        yield Window((look + 1) * 0.3, tuple(every.values()))


BENIGN: dict[str, Callable[[random.Random], Decision]] = {
    "in turn": lambda dice: watched(dice, Traffic(in_turn), Traffic(in_turn))[0],
    "by chance": lambda dice: watched(dice, Traffic(by_chance(1, 1, 1)), Traffic(by_chance(1, 1, 1)))[0],
    "nothing known before": lambda dice: watched(dice, Traffic(in_turn), Traffic(by_chance(1, 1, 1)), slices=0)[0],
    "a load three times as high": lambda dice: watched(
        dice, Traffic(by_chance(1, 1, 1), 30), Traffic(by_chance(1, 1, 1), 90)
    )[0],
    "a third more on one": lambda dice: watched(dice, Traffic(in_turn), Traffic(by_chance(1.45, 1, 1)))[0],
    "short sessions": lambda dice: watched(dice, Traffic(sessions(5)), Traffic(sessions(5)))[0],
    "long sessions": lambda dice: watched(dice, Traffic(sessions(20)), Traffic(sessions(20)))[0],
    "sessions, nothing known before": lambda dice: watched(dice, Traffic(in_turn), Traffic(sessions(10)), slices=0)[0],
    "the same twenty clients": lambda dice: (lambda deal: watched(dice, Traffic(deal), Traffic(deal))[0])(
        clients(dice, 20)
    ),
    "200 clients dealt anew": lambda dice: watched(dice, Traffic(clients(dice, 200)), Traffic(clients(dice, 200)))[0],
    "a canary as declared": lambda dice: watched(dice, Traffic(in_turn), Traffic(by_chance(33, 33, 33, 1)), CANARY)[0],
    "errors as many as before": lambda dice: watched(
        dice, Traffic(in_turn, errors=0.01), Traffic(in_turn, errors=0.01)
    )[0],
    "half a per cent of errors": lambda dice: watched(dice, Traffic(in_turn), Traffic(in_turn, errors=0.004))[0],
    "half as slow again": lambda dice: watched(dice, Traffic(in_turn), Traffic(in_turn, ms=12.0))[0],
    "twice as slow, and quick still": lambda dice: watched(dice, Traffic(in_turn, ms=16.0), Traffic(in_turn, ms=32.0))[
        0
    ],
    "a machine that gets busy": lambda dice: watched(
        dice, Traffic(in_turn, ms=16.0), Traffic(in_turn, ms=16.0, busy=6.0)
    )[0],
}
INCIDENTS: dict[str, tuple[Traffic, Traffic]] = {
    "all on one server": (Traffic(in_turn), Traffic(by_chance(1, 0, 0))),
    "two thirds on one server": (Traffic(in_turn), Traffic(by_chance(4, 1, 1))),
    "one server gets nothing": (Traffic(in_turn), Traffic(by_chance(1, 1, 0))),
    "5 % fail": (Traffic(in_turn), Traffic(in_turn, errors=0.05)),
    "all fail": (Traffic(in_turn), Traffic(in_turn, errors=1.0)),
    "three times as slow": (Traffic(in_turn, ms=80.0), Traffic(in_turn, ms=240.0)),
    "200 ms in place of 8": (Traffic(in_turn), Traffic(in_turn, ms=200.0)),
    "50 wait in queues": (Traffic(in_turn), Traffic(in_turn, queued=50)),
}


def benign(watches: int, seed: int = 1) -> Counter[tuple[str, Kind]]:
    """What became of so many benign changes, of all kinds in turn."""
    found: Counter[tuple[str, Kind]] = Counter()
    for number in range(watches):
        name = list(BENIGN)[number % len(BENIGN)]
        found[name, BENIGN[name](random.Random(f"{seed} {number}")).kind] += 1
    return found


def requests_to_revert(name: str, times: int, seed: int = 1) -> list[int]:
    """After how many requests each of so many incidents was taken back, in order; what is not counts as endless."""
    before, after = INCIDENTS[name]
    found = []
    for number in range(times):
        decision, requests = watched(random.Random(f"{seed} {name} {number}"), before, after)
        found.append(requests if decision.kind is Kind.REVERT else sys.maxsize)
    return sorted(found)


if __name__ == "__main__":
    for (kind, decided), times in sorted(benign(int(sys.argv[1])).items()):
        print(f"{kind:34} {decided:9} {times}")
    for incident in INCIDENTS:
        took = requests_to_revert(incident, 500)
        print(f"| {incident} | {took[250]} | {took[475]} | {sum(one == sys.maxsize for one in took)}")
