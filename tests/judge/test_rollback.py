"""The judgement of a rollback: known cases, properties, and its error rates, computed exactly."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.judge.rollback import (
    ALPHA,
    WORST_FIRST,
    Aftermath,
    Failures,
    Rollback,
    judge_rollback,
    lost_by_chance,
)
from autograder.judge.spread import SpreadVerdict, as_declared, judge_spread
from autograder.traffic.sample import Fate, Sample

FAIR = {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}


def spread(**counts: int) -> SpreadVerdict:
    """The judgement of so many requests at each server, and so many that failed."""
    names = [name for name, count in counts.items() for _ in range(count)]
    fates = tuple(
        Fate(
            n,
            "198.19.1.1",
            200 if name in FAIR else 0,
            "" if name in FAIR else "refused",
            1.0,
            name if name in FAIR else "",
        )
        for n, name in enumerate(names)
    )
    return judge_spread(Sample("many", "many", fates, 1.0), FAIR, unit="request")


EVEN = spread(a=100, b=100, c=100)
ONE = spread(a=300)
DECLARED = dataclasses.replace(ONE, spread=as_declared(ONE.spread))
FEW = spread(a=2, b=1)
GOOD = Aftermath(wanted="good", running=("good",), on_disk=("good",), arriving=EVEN, returning=EVEN)


@pytest.mark.parametrize(
    ("changes", "outcomes"),
    [
        ({}, ["restored"]),
        ({"returning": None, "on_disk": ()}, ["restored"]),
        ({"running": ("bad",)}, ["not-loaded"]),
        ({"running": ("good", "bad")}, ["not-loaded"]),
        ({"running": ()}, ["not-loaded"]),
        ({"on_disk": ("bad",)}, ["not-loaded"]),
        ({"running": ("bad",), "arriving": ONE, "returning": ONE}, ["not-loaded", "not-spread"]),
        ({"arriving": ONE, "returning": ONE}, ["not-spread"]),
        ({"arriving": DECLARED}, ["restored"]),
        ({"returning": ONE}, ["state-outlives"]),
        ({"sticky": {"a": 90}}, ["state-outlives"]),
        ({"sticky": {"a": 30, "b": 31, "c": 29}}, ["restored"]),
        ({"sticky": {"a": 3}}, ["restored"]),
        ({"old_workers": 1, "held": 12}, ["old-still-serving"]),
        ({"old_workers": 1, "seconds": 5.0}, ["restored"]),
        ({"old_workers": 2, "seconds": 600.0}, ["old-still-serving"]),
        ({"returning": ONE, "old_workers": 1, "held": 12}, ["state-outlives", "old-still-serving"]),
        ({"during": Failures(300, 30), "before": Failures(300, 0)}, ["traffic-lost"]),
        ({"during": Failures(300, 30), "before": Failures(300, 28)}, ["restored"]),
        ({"during": Failures(300, 5)}, ["traffic-lost"]),
        ({"during": Failures(300, 4)}, ["restored"]),
        ({"arriving": spread(x=300)}, ["traffic-lost"]),
        ({"arriving": None}, ["undecided"]),
        ({"arriving": FEW}, ["undecided"]),
        ({"returning": FEW}, ["undecided"]),
        ({"returning": spread()}, ["restored"]),
        ({"arriving": FEW, "running": ("bad",)}, ["not-loaded"]),
    ],
)
def test_known_cases(changes: dict[str, object], outcomes: list[str]) -> None:
    verdict = judge_rollback(dataclasses.replace(GOOD, **changes))  # type: ignore[arg-type]
    assert list(verdict.outcomes) == outcomes
    assert verdict.outcome.value == outcomes[0]


def test_the_words_have_the_numbers() -> None:
    seen = dataclasses.replace(GOOD, returning=ONE, old_workers=1, held=12, seconds=8.0)
    seen = dataclasses.replace(seen, before=Failures(400, 0), during=Failures(400, 40))
    assert judge_rollback(seen).words == (
        "40 of 400 requests failed meanwhile (before, 0 of 400; by chance: 9e-13).",
        "Clients of the bad time are still held: a has 100% of 300 requests, fair is 33%.",
        "After 8 s, 1 old worker of the config before still serves 12 connections.",
    )


SPREADS = st.sampled_from([None, EVEN, ONE, FEW, spread(), spread(x=9), spread(b=150, c=150)])
FAILURES = st.integers(0, 500).flatmap(lambda n: st.builds(Failures, st.just(n), st.integers(0, n)))
AFTERMATHS = st.builds(
    Aftermath,
    wanted=st.just("good"),
    running=st.lists(st.sampled_from(["good", "bad", "worse"]), max_size=3).map(tuple),
    on_disk=st.lists(st.sampled_from(["good", "bad"]), max_size=2).map(tuple),
    old_workers=st.integers(0, 3),
    held=st.integers(0, 20),
    seconds=st.floats(0, 1000),
    arriving=SPREADS,
    returning=SPREADS,
    sticky=st.dictionaries(st.sampled_from("abcz"), st.integers(0, 200)),
    before=FAILURES,
    during=FAILURES,
)


@given(AFTERMATHS)
def test_a_verdict_is_whole(seen: Aftermath) -> None:
    verdict = judge_rollback(seen)
    assert verdict.outcomes
    assert list(verdict.outcomes) == sorted(set(verdict.outcomes), key=WORST_FIRST.index)
    assert len(verdict.words) == len(verdict.outcomes)
    assert all(word.endswith(".") for word in verdict.words)
    if {Rollback.RESTORED, Rollback.UNDECIDED} & set(verdict.outcomes):
        assert len(verdict.outcomes) == 1, "they are what is left when nothing is seen to be wrong"


@given(AFTERMATHS)
def test_restored_means_that_all_of_it_was_seen(seen: Aftermath) -> None:
    if judge_rollback(seen).outcome is Rollback.RESTORED:
        assert set(seen.running) == {"good"}
        assert set(seen.on_disk) <= {"good"}
        assert seen.arriving is EVEN
        assert not (seen.old_workers and seen.held)


WORSE = st.sampled_from(
    [
        {"running": ("bad",)},
        {"on_disk": ("bad",)},
        {"arriving": ONE},
        {"arriving": None},
        {"old_workers": 1, "held": 1},
        {"before": Failures(300, 0), "during": Failures(300, 300)},
    ]
)


@given(AFTERMATHS, WORSE)
def test_what_gets_worse_is_never_restored(seen: Aftermath, change: dict[str, object]) -> None:
    assert judge_rollback(dataclasses.replace(seen, **change)).outcome is not Rollback.RESTORED  # type: ignore[arg-type]


@given(FAILURES, FAILURES)
def test_more_failures_are_never_less_suspicious(before: Failures, during: Failures) -> None:
    p = lost_by_chance(before, during)
    assert 0 <= p <= 1
    if during.failed < during.requests:
        assert lost_by_chance(before, Failures(during.requests, during.failed + 1)) <= p * (1 + 1e-9)


def chance_of_alarm(before: tuple[int, float], during: tuple[int, float]) -> float:
    """The exact probability of ``traffic-lost`` for so many requests and true rates of failure."""

    def weight(count: int, total: int, rate: float) -> float:
        return math.comb(total, count) * rate**count * (1 - rate) ** (total - count)

    return sum(
        weight(f0, *before) * weight(f, *during)
        for f0 in range(before[0] + 1)
        for f in range(during[0] + 1)
        if lost_by_chance(Failures(before[0], f0), Failures(during[0], f)) < ALPHA
    )


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.3])
@pytest.mark.parametrize("sizes", [(60, 60), (40, 90), (90, 40)])
def test_failures_that_go_on_as_before_are_no_alarm(rate: float, sizes: tuple[int, int]) -> None:
    assert chance_of_alarm((sizes[0], rate), (sizes[1], rate)) <= ALPHA


def test_a_loss_of_a_tenth_is_seen() -> None:
    needed = next(f for f in range(300) if lost_by_chance(Failures(300, 0), Failures(300, f)) < ALPHA)
    assert needed == 14
    assert sum(math.comb(300, f) * 0.1**f * 0.9 ** (300 - f) for f in range(needed)) < 1e-3
    assert next(f for f in range(300) if lost_by_chance(Failures(), Failures(300, f)) < ALPHA) == 5
