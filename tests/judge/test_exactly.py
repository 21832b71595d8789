"""Every number and every word of a verdict, where a slip would change no outcome: found by changing the code at random.

What such changes still survive changes nothing that can be seen. ``judge_spread``: what stands for the path where no
paths were given, since nothing is compared with it. ``_unit``: the first path or the second: all are given, or none.
``_surely_even``: a server without units is as good as one with one, where nobody would believe either. ``at_most``:
where the sum begins, and whether it stops one term sooner. ``_outlives``: a pool of one, which is never
concentrated, and the unit, which decides between even and undecided only. Limits of probabilities that no count meets.
"""

from __future__ import annotations

import dataclasses
import math

import pytest

from autograder.judge.rollback import Aftermath, Failures, Rollback, judge_rollback, lost_in, met
from autograder.judge.spread import ALPHA, Spread, SpreadVerdict, at_most, decide, judge_spread, log_e_value
from autograder.traffic.sample import Fate, Sample

FAIR = {"a": 0.25, "b": 0.25, "c": 0.5}
EQUAL = dict.fromkeys("abcdefghij", 0.1)


def sample(servers: list[str], clients: int = 10**9) -> Sample:
    fates = tuple(Fate(n % clients, "198.19.1.1", 200, "", 1.0, server) for n, server in enumerate(servers))
    return Sample("many", "many clients", fates, 1.0)


def of(fair: dict[str, float], **counts: int) -> SpreadVerdict:
    return judge_spread(sample([name for name, count in counts.items() for _ in range(count)]), fair, unit="request")


GOOD = Aftermath(
    wanted="good", running=("good",), arriving=of(EQUAL, **dict.fromkeys(EQUAL, 200)), before=Failures(300, 0)
)


def words(**changes: object) -> tuple[str, ...]:
    return judge_rollback(dataclasses.replace(GOOD, **changes)).words  # type: ignore[arg-type]


@pytest.mark.parametrize(("failed", "spread"), [((), Spread.IDLE), ((502,), Spread.BROKEN)])
def test_a_verdict_on_nothing_has_nothing_in_it(failed: tuple[int, ...], spread: Spread) -> None:
    fates = tuple(Fate(n, "198.19.1.1", code, "5xx-balancer", 1.0, "") for n, code in enumerate(failed))
    assert judge_spread(Sample("many", "many clients", fates, 1.0), FAIR) == SpreadVerdict(
        spread=spread, share={"a": 0.0, "b": 0.0, "c": 0.0}, fair=FAIR, peak_to_fair=0.0, effective_servers=0.0,
        hottest="", silent=("a", "b", "c"), units=0, unit="request", log_e_value=0.0,
    )  # fmt: skip


def test_a_verdict_has_all_its_numbers() -> None:
    # c has most of the requests, and less than its share; b is the one that has too much
    assert of(FAIR, a=20, b=40, c=40) == SpreadVerdict(
        spread=Spread.UNDECIDED, share={"a": 0.2, "b": 0.4, "c": 0.4}, fair=FAIR, peak_to_fair=1.6,
        effective_servers=pytest.approx(1 / 0.36), hottest="b", silent=(), units=100, unit="request",
        log_e_value=log_e_value({"a": 20, "b": 40, "c": 40}, FAIR),
    )  # fmt: skip


def test_a_page_counts_once_however_often_it_is_asked_for() -> None:
    paths = ["/one"] * 7 + ["/two", "/three", "/three"]
    verdict = judge_spread(sample(["a"] * 7 + ["b", "c", "c"]), {**FAIR, "d": 0.0001}, paths=paths)
    assert (verdict.unit, verdict.units) == ("page", 3)
    assert verdict.share == {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3, "d": 0.0}
    asked = judge_spread(sample(["a"] * 7 + ["b", "c", "c"]), FAIR, unit="request")
    assert asked.share == {"a": 0.7, "b": 0.1, "c": 0.2}


@pytest.mark.parametrize(("unit", "spread"), [("auto", Spread.EVEN), ("request", Spread.UNDECIDED)])
def test_enough_clients_are_even_where_as_many_requests_would_not_be(unit: str, spread: Spread) -> None:
    home = list(EQUAL) * 25
    times = 2 if unit == "auto" else 1  # clients that come back tell that they are kept
    assert judge_spread(sample(home * times, clients=250), EQUAL, unit=unit).spread is spread


def test_who_came_twice_and_met_two_servers_is_not_kept() -> None:
    assert judge_spread(sample(["a", "b", "b", "a"], clients=2), FAIR).unit == "request"
    assert judge_spread(sample(["a", "b", "a", "b"], clients=2), FAIR).unit == "client"


def test_connections_that_meet_several_servers_are_counted_by_request() -> None:
    verdict = judge_spread(sample(["a", "b", "b", "a", "c", "c"], clients=2), FAIR, unit="connection")
    assert (verdict.units, verdict.unit) == (6, "connection")


def test_each_outcome_has_its_words() -> None:
    few = of(EQUAL, a=1)
    assert words() == ("The wanted config runs, all clients are spread, and no request was lost.",)
    assert words(arriving=None) == (
        "The wanted config runs; too little traffic was seen to say how new clients are spread.",
    )
    assert words(returning=few) == ("New clients are spread; of those who were there before too few were seen.",)
    assert words(running=()) == ("No balancer takes connections.",)
    assert words(running=("good", "bad", "old")) == (
        "Beside the restored config (good) another one still runs: bad, old.",
    )
    assert words(running=("bad", "old")) == (
        "The config that runs (bad, old) is not the one to be restored (good): it was not loaded.",
    )
    assert words(on_disk=("good", "bad", "old")) == (
        "The restored config runs, but on disk lies another (bad, old): the next start brings that.",
    )
    gone = tuple(Fate(n, "198.19.1.1", 0, "refused", 1.0, "") for n in range(9))
    assert words(arriving=judge_spread(Sample("many", "many", gone, 1.0), EQUAL)) == ("Every request fails.",)
    assert words(old_workers=2, seconds=31.0) == ("After 31 s, 2 old workers of the config before have not ended.",)
    assert words(old_workers=1, seconds=31.0) == ("After 31 s, 1 old worker of the config before has not ended.",)
    assert words(old_workers=2, held=3, seconds=2.0) == (
        "After 2 s, 2 old workers of the config before still serve 3 connections.",
    )
    assert judge_rollback(dataclasses.replace(GOOD, old_workers=1, seconds=30.0)).outcome is Rollback.RESTORED
    (said,) = words(before=Failures(), during=Failures(300, 30))
    assert said.startswith("30 of 300 requests failed meanwhile (0.1% may; by chance: ")


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (dict.fromkeys("abcdefghi", 200), "j gets nothing"),
        (dict.fromkeys("abcdefgh", 200), "i, j get nothing"),
        (dict.fromkeys("abcde", 200), "a has 20% of 1000 requests, fair is 10%"),
    ],
)
def test_those_who_get_nothing_are_named_unless_another_gets_far_too_much(counts: dict[str, int], said: str) -> None:
    assert words(arriving=of(EQUAL, **counts)) == (f"New clients are not spread: {said}.",)


def test_half_as_much_again_is_far_too_much() -> None:
    halves = of({"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}, a=375, b=375, c=250)
    assert halves.peak_to_fair == 1.5
    assert words(arriving=halves) == ("New clients are not spread: a has 38% of 1000 requests, fair is 25%.",)


def test_entries_that_hold_clients_are_measured_by_fair_shares() -> None:
    three = of(FAIR, a=150, b=150, c=300)
    # a has most for its share, though c has most entries; b is in no table
    (said,) = words(arriving=three, sticky={"a": 290, "c": 310})
    assert said == "290 of 600 entries in the balancer's tables hold clients to a."
    # a little more than its share is no hold, however sure it is
    assert judge_rollback(
        dataclasses.replace(GOOD, arriving=three, sticky={"a": 3000, "b": 2000, "c": 5000})
    ).outcomes == (Rollback.RESTORED,)


def test_entries_hold_clients_in_a_pool_of_two_as_well() -> None:
    two = of({"a": 0.5, "b": 0.5}, a=300, b=300)
    (said,) = words(arriving=two, sticky={"a": 90})
    assert said == "90 of 90 entries in the balancer's tables hold clients to a."


def failing(well: int, **kinds: int) -> Sample:
    """So many answers, and so many failures of each kind."""
    went = [("", 200)] * well + [(kind, 0) for kind, count in kinds.items() for _ in range(count)]
    fates = tuple(Fate(n, "198.19.1.1", code, kind, 1.0, "" if kind else "a") for n, (kind, code) in enumerate(went))
    return Sample("many", "many clients", fates, 1.0)


@pytest.mark.parametrize(
    ("sample", "lost"),
    [
        (failing(100), 0),
        (failing(76, timeout=24), 0),  # a machine that stalled
        (failing(75, timeout=25), 25),  # what users meet
        (failing(70, timeout=20, refused=10), 10),
        (failing(60, timeout=30, refused=10), 40),
    ],
)
def test_waiting_too_long_counts_where_it_is_what_users_meet(sample: Sample, lost: int) -> None:
    assert lost_in(sample) == lost


def test_what_users_met_in_all_is_the_sum_of_its_parts() -> None:
    assert met([failing(76, timeout=24), failing(40, refused=10)]) == Failures(requests=150, failed=10)
    assert met([]) == Failures(0, 0)


def decided(unit: str, fair: dict[str, float], **counts: int) -> Spread:
    total = sum(counts.values())
    return decide(counts, {name: counts.get(name, 0) / total for name in fair}, fair, unit)


@pytest.mark.parametrize(
    ("unit", "each", "spread"),
    [
        ("client", 20, Spread.UNDECIDED),
        ("client", 21, Spread.EVEN),
        ("page", 21, Spread.EVEN),
        ("request", 21, Spread.UNDECIDED),
        ("client", 49, Spread.EVEN),
        ("client", 50, Spread.UNDECIDED),  # from here on they have to prove as much as requests
        ("client", 200, Spread.EVEN),
    ],
)
def test_how_many_clients_are_enough(unit: str, each: int, spread: Spread) -> None:
    assert decided(unit, EQUAL, **dict.fromkeys(EQUAL, each)) is spread


def test_half_as_much_again_is_where_even_ends() -> None:
    fair = dict.fromkeys("abcd", 0.25)
    assert decided("request", fair, a=3000, b=1667, c=1667, d=1666) is Spread.CONCENTRATED
    assert decided("client", fair, a=90, b=50, c=50, d=50) is Spread.UNDECIDED
    assert decided("client", fair, a=87, b=51, c=51, d=51) is Spread.EVEN


@pytest.mark.parametrize("part", [0.5, 0.6, 0.64])
def test_an_alarm_comes_with_the_first_request_that_proves_it(part: float) -> None:
    fair = {"a": part, "b": 1 - part}
    for count in range(1, 60):
        proved = log_e_value({"a": count}, fair) >= math.log(1 / ALPHA)
        assert (decided("request", fair, a=count) is Spread.CONCENTRATED) is proved


def test_a_server_of_which_too_little_was_seen_keeps_the_verdict_open() -> None:
    fair = {"a": 0.1, "b": 0.9}
    assert decided("request", fair, a=1, b=96) is Spread.UNDECIDED
    assert decide({"b": 97}, {"a": 0.01, "b": 0.99}, fair, "client") is Spread.UNDECIDED


def test_the_tail_at_its_ends() -> None:
    assert at_most(5, 5, 0.5) == 1.0
    assert at_most(2, 5, 0.0) == 1.0
    assert at_most(4, 5, 1.0) == 0.0
