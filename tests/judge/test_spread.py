"""The judgement of spread: known cases and properties. Its error rates are simulated in ``test_error_rates.py``."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.judge.spread import ALPHA, BETA, Spread, as_declared, at_most, decide, judge_spread, log_e_value, worst
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


def surfed(count: int, pages: int, dice: random.Random) -> tuple[list[str], list[str]]:
    """Paths, and the servers that a hash over paths sends them to; each request from a client of its own."""
    home = drawn(FAIR3, pages, dice)
    asked = [dice.randrange(pages) for _ in range(count)]
    return [f"/item/{page}" for page in asked], [home[page] for page in asked]


def test_pages_are_counted_where_each_page_meets_one_server_only() -> None:
    dice = random.Random(11)
    paths, servers = surfed(900, 300, dice)
    verdict = judge_spread(sample(servers), FAIR3, paths=paths)
    assert (verdict.unit, verdict.units, verdict.spread) == ("page", len(set(paths)), Spread.EVEN)
    # A few pages decide nothing, however often they are asked for.
    few = ["/a"] * 500 + ["/b"] * 100 + ["/c"] * 100
    verdict = judge_spread(sample(["a"] * 500 + ["b"] * 100 + ["a"] * 100), FAIR3, paths=few)
    assert (verdict.unit, verdict.units, verdict.spread) == ("page", 3, Spread.UNDECIDED)


def test_pages_say_nothing_where_all_of_them_meet_the_same_server() -> None:
    paths = ["/a", "/b"] * 50
    verdict = judge_spread(sample(["a"] * 100), FAIR3, paths=paths)
    assert (verdict.unit, verdict.spread) == ("request", Spread.CONCENTRATED)


def test_paths_must_be_as_many_as_fates() -> None:
    with pytest.raises(ValueError, match="2 paths for 3 fates"):
        judge_spread(sample(["a", "b", "c"]), FAIR3, paths=["/", "/"])


def test_connections_that_are_kept_count_once() -> None:
    home = drawn(FAIR3, 30, random.Random(3))
    kept = judge_spread(sample([home[n % 30] for n in range(600)], clients=30), FAIR3, unit="connection")
    anew = judge_spread(sample(["a", "b", "c"] * 200), FAIR3, unit="connection")
    assert (kept.units, anew.units, anew.spread) == (30, 600, Spread.EVEN)


def test_a_run_without_any_answer_is_broken() -> None:
    fates = tuple(Fate(n, "198.19.1.1", 502, "5xx-balancer", 1.0, "") for n in range(20))
    assert judge_spread(Sample("many", "many clients", fates, 1.0), FAIR3).spread is Spread.BROKEN
    own = tuple(Fate(n, "198.19.1.1", 500, "5xx-server", 1.0, "abc"[n % 3]) for n in range(300))
    assert judge_spread(Sample("many", "many clients", own, 1.0), FAIR3).spread is Spread.BROKEN


def test_one_server_has_nothing_to_share() -> None:
    assert judge_spread(sample(["a"] * 10), {"a": 1.0}).spread is Spread.EVEN


def test_answers_of_servers_that_should_not_serve_are_left_out() -> None:
    verdict = judge_spread(sample(["a", "b", "c", "old"] * 150), FAIR3)
    assert (verdict.units, verdict.spread, sum(verdict.share.values())) == (450, Spread.EVEN, pytest.approx(1))


@given(st.lists(st.sampled_from(list(Spread))))
def test_the_worst_verdict_is_one_of_them_whatever_the_order(verdicts: list[Spread]) -> None:
    found = worst(verdicts)
    assert found is worst(reversed(verdicts))
    assert found in verdicts or (not verdicts and found is Spread.IDLE)
    assert worst([*verdicts, Spread.BROKEN]) is Spread.BROKEN
    assert worst([found, Spread.IDLE]) is found


def test_only_a_concentration_can_be_declared() -> None:
    changed = {spread: as_declared(spread) for spread in Spread if as_declared(spread) is not spread}
    assert changed == {Spread.CONCENTRATED: Spread.SKEWED_AS_DECLARED}


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.001, 0.999))
def test_the_tail_is_the_sum_it_stands_for(counts: tuple[int, int], chance: float) -> None:
    count, total = counts
    exact = sum(math.comb(total, k) * chance**k * (1 - chance) ** (total - k) for k in range(count + 1))
    assert at_most(count, total, chance) == pytest.approx(min(exact, 1), rel=1e-9, abs=1e-200)


@given(st.lists(st.integers(0, 3000), min_size=2, max_size=6).filter(any))
def test_counts_called_even_disprove_that_any_server_has_too_much(counts: list[int]) -> None:
    fair = {f"s{n}": 1 / len(counts) for n in range(len(counts))}
    units = dict(zip(fair, counts, strict=True))
    shares = {name: count / sum(counts) for name, count in units.items()}
    if decide(units, shares, fair, "request") is Spread.EVEN:
        assert all(at_most(count, sum(counts), min(1.5 / len(counts), 1.0)) <= BETA for count in counts)
