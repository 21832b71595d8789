"""The error rates that the judgement of spread states, by simulation: at the default effort, looking after each batch.

How sure a simulation makes us: of r errors in n runs, the exact bound of Clopper and Pearson says with 95 % confidence
that the rate is at most the p with P(Bin(n, p) ≤ r) = 0.05; without any error that is 3/n. Seeds are fixed, so a test
fails only when the judgement changes.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from autograder.judge.spread import MANY_CLIENTS, Spread, at_most, decide

Eighths = dict[str, int]
"""Server → eighths of the traffic: coins that computers toss by the thousand."""
FAIR4 = {"a": 2, "b": 2, "c": 2, "d": 2}
HOT4 = {"a": 3, "b": 2, "c": 2, "d": 1}
SIZES = {"big": 4, "one": 2, "two": 2}
HOT_SIZES = {"big": 3, "one": 3, "two": 2}
TRUTHS = [pytest.param(HOT4, FAIR4, id="equal"), pytest.param(HOT_SIZES, SIZES, id="by-capacity")]
"""One server takes 1.5 times its share: the very edge, where most errors are."""
BATCHES = (300, 600, 1200, 2400, 4800, 9600)
"""What is sent at the default effort while nothing is decided: 300 requests, then twice as many, up to 18,900."""
CROWD = (300, 720, 1000)
"""Clients of the default population that were seen after each batch (the second meets some again)."""
FALSE_ALARM = 1e-4
MISSED = 1e-3


def deal(units: int, truth: Eighths, dice: random.Random) -> dict[str, int]:
    """For each server a number whose n-th bit tells that it has the n-th unit."""
    words = [dice.getrandbits(units) for _ in range(3)]
    everyone = (1 << units) - 1
    owners = [name for name, eighths in truth.items() for _ in range(eighths)]
    hands: dict[str, int] = dict.fromkeys(truth, 0)
    for number, owner in enumerate(owners):
        mask = everyone
        for place, word in enumerate(words):
            mask &= word if number >> place & 1 else ~word
        hands[owner] |= mask
    return hands


def judged(counts: dict[str, int], fair: Eighths, unit: str) -> Spread:
    total = sum(counts.values())
    shares = {name: count / total for name, count in counts.items()}
    return decide(counts, shares, {name: eighths / 8 for name, eighths in fair.items()}, unit)


def ends(truth: Eighths, fair: Eighths, dice: random.Random) -> Spread:
    """The verdict of one run whose requests are dealt out one by one."""
    counts = dict.fromkeys(fair, 0)
    found = Spread.UNDECIDED
    for batch in BATCHES:
        for name, hand in deal(batch, truth, dice).items():
            counts[name] += hand.bit_count()
        found = judged(counts, fair, "request")
        if found is not Spread.UNDECIDED:
            break
    return found


def ends_for_clients(truth: Eighths, fair: Eighths, dice: random.Random) -> Spread:
    """The verdict of one run whose clients each belong to one server: after the first batch none has come twice."""
    hands = deal(CROWD[-1], truth, dice)
    found = Spread.UNDECIDED
    for look, seen in enumerate(CROWD):
        counts = {name: (hand & (1 << seen) - 1).bit_count() for name, hand in hands.items()}
        found = judged(counts, fair, "client" if look else "request")
        if found is not Spread.UNDECIDED:
            break
    return found


def bound(errors: int, runs: int) -> float:
    """The largest rate that so few errors do not refute, with 95 % confidence."""
    low, high = errors / runs, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(errors, runs, middle) > 0.05 else (low, middle)
    return high


def test_the_bound_is_the_known_one() -> None:
    assert bound(0, 3000) == pytest.approx(1 - 0.05 ** (1 / 3000))
    assert bound(2, 100) == pytest.approx(0.0616, abs=1e-4)


def test_units_are_dealt_as_told() -> None:
    hands = deal(80_000, HOT4, random.Random(1))
    assert sum(hand.bit_count() for hand in hands.values()) == 80_000
    for name, eighths in HOT4.items():
        assert hands[name].bit_count() == pytest.approx(eighths * 10_000, abs=5 * 140)


def test_a_fair_spread_is_no_alarm() -> None:
    """30,000 fair runs without an alarm: at most 1e-4, with 95 % confidence (and always, by Ville's inequality)."""
    dice = random.Random(20230301)
    found = Counter(ends(FAIR4, FAIR4, dice) for _ in range(30_000))
    assert bound(found[Spread.CONCENTRATED], 30_000) <= FALSE_ALARM
    assert found[Spread.EVEN] / 30_000 > 0.999, "what is fair is called so in the end"


@pytest.mark.parametrize(("truth", "fair"), TRUTHS)
def test_what_takes_one_and_a_half_times_its_share_is_not_missed(truth: Eighths, fair: Eighths) -> None:
    """5,000 runs, at most 1e-3 of them called even, with 95 % confidence."""
    dice = random.Random(20230301)
    missed = sum(ends(truth, fair, dice) is Spread.EVEN for _ in range(5000))
    assert bound(missed, 5000) <= MISSED


@pytest.mark.parametrize(("truth", "fair"), TRUTHS)
def test_the_same_holds_where_clients_belong_to_servers(truth: Eighths, fair: Eighths) -> None:
    """5,000 runs of 1,000 clients, and 30,000 fair ones: the same bounds."""
    dice = random.Random(20230301)
    missed = sum(ends_for_clients(truth, fair, dice) is Spread.EVEN for _ in range(5000))
    assert bound(missed, 5000) <= MISSED
    found = Counter(ends_for_clients(fair, fair, dice) for _ in range(30_000))
    assert bound(found[Spread.CONCENTRATED], 30_000) <= FALSE_ALARM
    assert found[Spread.EVEN] / 30_000 > 0.99


def test_few_clients_prove_less_and_that_is_stated() -> None:
    """Of 250 clients and four servers: one with 1.5 times its share is missed in half the runs, with twice it never."""
    assert judged({"a": 93, "b": 53, "c": 52, "d": 52}, FAIR4, "client") is Spread.EVEN
    assert MANY_CLIENTS > 250
    assert at_most(93, 250, 0.5) < 1e-3
    assert 0.4 < at_most(93, 250, 0.375) < 0.6
