"""The judgement of spread: known cases, properties, and its stated error rates by simulation."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.judge.spread import ALPHA, Spread, judge_spread, log_e_value
from autograder.traffic.sample import Fate, Sample

FAIR3 = {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}
SHOP = {"app1": 0.2, "app2": 0.2, "app3": 0.2, "app4": 0.4}


def sample(servers: list[str], clients: int = 10**9) -> Sample:
    fates = tuple(Fate(n % clients, "198.19.1.1", 200, "", 1.0, server) for n, server in enumerate(servers))
    return Sample("many", "many clients", fates, 1.0)


def drawn(shares: dict[str, float], count: int, dice: random.Random) -> list[str]:
    return dice.choices(list(shares), list(shares.values()), k=count)


@pytest.mark.parametrize(
    ("servers", "fair", "expected"),
    [
        (["a", "b", "c"] * 200, FAIR3, Spread.EVEN),
        (["a"] * 16, FAIR3, Spread.CONCENTRATED),
        (["a"] * 3, FAIR3, Spread.UNDECIDED),
        (["b", "c"] * 300, FAIR3, Spread.CONCENTRATED),
        (["app1", "app2", "app3", "app4", "app4"] * 120, SHOP, Spread.EVEN),
        (["app1"] * 500 + ["app2", "app3", "app4", "app4"] * 25, SHOP, Spread.CONCENTRATED),
        ([], FAIR3, Spread.IDLE),
    ],
    ids=["round-robin", "all-on-one", "too-few", "one-silent", "by-capacity", "weight-20", "nothing"],
)
def test_known_cases(servers: list[str], fair: dict[str, float], expected: Spread) -> None:
    assert judge_spread(sample(servers), fair).spread is expected


def test_the_numbers_of_a_verdict() -> None:
    verdict = judge_spread(sample(["a"] * 50 + ["b"] * 50), FAIR3)
    assert verdict.peak_to_fair == pytest.approx(1.5)
    assert verdict.effective_servers == pytest.approx(2)
    assert verdict.silent == ("c",)
    assert verdict.share == {"a": 0.5, "b": 0.5, "c": 0.0}


def test_clients_are_counted_where_each_client_meets_one_server_only() -> None:
    # Five clients, each always on one server: 600 requests are five decisions, and five decide nothing.
    sticky = [("a", "a", "a", "b", "c")[n % 5] for n in range(600)]
    verdict = judge_spread(sample(sticky, clients=5), FAIR3)
    assert (verdict.unit, verdict.units, verdict.spread) == ("client", 5, Spread.UNDECIDED)
    # The same counts of requests, decided one by one, are plain.
    assert judge_spread(sample(sticky, clients=5), FAIR3, unit="request").spread is Spread.CONCENTRATED


def test_many_sticky_clients_are_even() -> None:
    dice = random.Random(7)
    home = drawn(FAIR3, 300, dice)
    verdict = judge_spread(sample([home[n % 300] for n in range(900)], clients=300), FAIR3)
    assert (verdict.unit, verdict.spread) == ("client", Spread.EVEN)


def test_false_alarms_and_misses_stay_within_the_stated_rates() -> None:
    """400 fair pools and 400 with 1.5 times a fair share on one server, 2,400 requests each.

    At the stated rates (false alarm 1e-4, missed 1e-3) a correct judge has no false alarm with probability 0.96 and
    no miss with 0.67 at worst; the seed is fixed, so the test fails only when the judgement changes.
    """
    dice = random.Random(20230301)
    uneven = {"app1": 0.3, "app2": 0.175, "app3": 0.175, "app4": 0.35}
    fair = [judge_spread(sample(drawn(SHOP, 2400, dice)), SHOP).spread for _ in range(400)]
    bad = [judge_spread(sample(drawn(uneven, 2400, dice)), SHOP).spread for _ in range(400)]
    assert fair.count(Spread.CONCENTRATED) == 0
    assert fair.count(Spread.EVEN) >= 398
    assert bad.count(Spread.EVEN) == 0


@given(st.lists(st.sampled_from(sorted(SHOP)), max_size=400), st.integers(1, 50))
def test_a_verdict_is_consistent_with_its_counts(servers: list[str], clients: int) -> None:
    verdict = judge_spread(sample(servers, clients), SHOP)
    if not servers:
        assert verdict.spread is Spread.IDLE
        return
    assert sum(verdict.share.values()) == pytest.approx(1)
    assert 1 <= verdict.effective_servers <= len(SHOP) + 1e-9
    assert set(verdict.silent) == set(SHOP) - set(servers)
    assert verdict.units <= len(servers)
    if verdict.spread is Spread.EVEN:
        assert verdict.peak_to_fair < 1.5
        assert not verdict.silent
    if verdict.spread is Spread.CONCENTRATED:
        assert verdict.log_e_value >= math.log(1 / ALPHA)


@given(st.lists(st.sampled_from(sorted(FAIR3)), min_size=1, max_size=200))
def test_names_and_order_do_not_matter(servers: list[str]) -> None:
    renamed = {"a": "x", "b": "y", "c": "z"}
    one = judge_spread(sample(servers), FAIR3)
    other = judge_spread(sample([renamed[name] for name in reversed(servers)]), dict.fromkeys("zyx", 1 / 3))
    assert (one.spread, one.units) == (other.spread, other.units)
    assert one.log_e_value == pytest.approx(other.log_e_value)


def test_the_e_value_is_the_stated_formula() -> None:
    # Three heads in a row against a fair coin: (1/2 · 3/4 · 5/6) / (1/2)³ with the Dirichlet(½, ½) predictive.
    expected = math.log((1 / 2) * (3 / 4) * (5 / 6) / (1 / 2) ** 3)
    assert log_e_value({"heads": 3}, {"heads": 0.5, "tails": 0.5}) == pytest.approx(expected)
