"""The guard's judgement: benign changes are kept, incidents are found soon, and what is unsure is said to be so."""

from __future__ import annotations

import math
import random

import pytest

from autograder.guard.anomaly import ALPHA, MORE, SURE, Watcher
from autograder.guard.counts import NO_LATENCY, Decision, Intent, Kind, ServerCount, Window, bucket
from autograder.guard.past import meant
from autograder.guard.sequential import at_most_part, log_e_above, log_e_below, log_mean, variation
from tests.guard.simulated import BENIGN, EVEN, INCIDENTS, benign, requests_to_revert

FALSE, WATCHES = 1, 420
"""At a rate of 1e-3 a watch, two of 420 come in one run of fifteen; the seed is fixed, and none comes."""
SOON = {
    "all on one server": (51, 69),
    "two thirds on one server": (250, 560),
    "one server gets nothing": (115, 180),
    "5 % fail": (340, 640),
    "all fail": (51, 65),
    "three times as slow": (655, 860),
    "200 ms in place of 8": (655, 860),
    "50 wait in queues": (650, 700),
}
"""Requests: the median, and 95 %."""


def window(*requests: int, seconds: float = 5.0, failed: int = 0, **more: object) -> Window:
    """Servers a, b, c … with so many requests each; the first has the failures and all that is said of it."""
    counts = [ServerCount(name, count) for name, count in zip("abcde", requests, strict=False)]
    first = ServerCount("a", requests[0], failed, **more)  # type: ignore[arg-type]
    return Window(seconds, (first, *counts[1:]))


def watch(before: Window, now: Window, control: Window | None = None, intent: Intent = EVEN) -> Decision:
    """The decision at the end of a watch that was looked at five times."""
    watcher = Watcher(intent, before, control=control is not None)
    for part in (0.2, 0.4, 0.6, 0.8):
        servers = [
            ServerCount(one.name, int(one.requests * part), int(one.failed * part), one.latency, one.up, one.queued)
            for one in now.servers
        ]
        watcher.look(Window(now.seconds * part, tuple(servers)), control)
    return watcher.look(now, control, over=True)


QUIET = Window(0.0)
WELL = window(300, 300, 300)


def test_an_e_value_is_seldom_large_however_often_one_looks() -> None:
    dice, alpha, crossed, runs = random.Random(5), 0.02, 0, 1500
    for _ in range(runs):
        count = 0
        for total in range(1, 201):
            count += dice.random() < 0.5
            if log_e_above(count, total, 0.5) >= math.log(1 / alpha):
                crossed += 1
                break
    assert crossed <= alpha * runs + 3 * math.sqrt(alpha * runs)
    assert crossed > 0  # and not because it never is


def test_e_values_tell_above_from_below() -> None:
    assert log_e_above(80, 100, 0.5) > 10 > 0 > log_e_above(50, 100, 0.5)
    assert log_e_below(2, 100, 0.2) > 5 > 0 > log_e_below(20, 100, 0.2)
    assert log_e_below(0, 100, 0.2) == log_e_above(100, 100, 0.8)
    assert log_mean([0.0, -math.inf]) == pytest.approx(math.log(0.5))
    assert log_mean([-math.inf, -math.inf]) == -math.inf


def test_the_upper_bound_of_a_part_holds() -> None:
    dice = random.Random(6)
    seen = [sum(dice.random() < 0.02 for _ in range(200)) for _ in range(1000)]
    assert sum(at_most_part(count, 200) < 0.02 for count in seen) <= 4


def test_sessions_vary_more_than_requests_and_turns_do_not() -> None:
    dice = random.Random(7)
    alone = variation([[dice.randint(40, 60), dice.randint(40, 60)] for _ in range(20)])
    together = variation([[dice.randint(0, 10) * 10, dice.randint(0, 10) * 10] for _ in range(20)])
    assert variation([[50, 50]] * 20).design_effect() == 1.0
    assert 1.0 < alone.design_effect() < 10.0 < together.design_effect()
    assert variation([[5, 5]]).freedom == variation([[5], [7]]).freedom == 0


def test_benign_changes_are_not_reverted() -> None:
    found = benign(WATCHES)
    assert sum(found.values()) == WATCHES
    reverted = {name: count for (name, kind), count in found.items() if kind is Kind.REVERT}
    assert sum(reverted.values()) < FALSE, reverted
    kept = sum(count for (_, kind), count in found.items() if kind is Kind.KEEP)
    assert kept > 0.9 * WATCHES  # doubts are for a few
    assert len({name for name, _ in found}) == len(BENIGN)


@pytest.mark.parametrize("name", INCIDENTS)
def test_an_incident_is_reverted_after_as_many_requests_as_documented(name: str) -> None:
    median, most = SOON[name]
    took = requests_to_revert(name, 24)
    assert median / 2 < took[12] <= 1.3 * median
    assert took[-1] <= 2 * most


def test_a_watch_without_anything_bad_is_kept_and_decided_only_when_it_is_over() -> None:
    watcher = Watcher(EVEN, WELL)
    assert watcher.look(window(60, 60, 60, seconds=1.0)).kind is Kind.WATCHING
    assert watcher.look(WELL, over=True).kind is Kind.KEEP
    assert pytest.approx(math.log(5 / ALPHA)) == SURE


def test_too_little_traffic_decides_nothing() -> None:
    decision = watch(QUIET, window(4, 3, 2))
    assert decision.kind is Kind.UNSURE
    assert "too few to judge by" in decision.reasons[0]
    assert MORE in decision.numbers
    assert watch(QUIET, QUIET).kind is Kind.UNSURE


def test_what_was_so_before_is_not_reverted_but_told() -> None:
    decision = watch(window(900, 0, 0), window(900, 0, 0))
    assert decision.kind is Kind.UNSURE
    assert "before" in decision.reasons[0]
    assert MORE not in decision.numbers  # it would not help
    assert watch(WELL, window(900, 0, 0)).kind is Kind.REVERT
    failing = window(300, 300, 300, failed=90)
    assert watch(failing, failing).kind is Kind.UNSURE
    assert watch(WELL, failing).kind is Kind.REVERT


def test_after_a_revert_without_a_time_before_only_the_declared_counts() -> None:
    assert watch(QUIET, window(900, 0, 0)).kind is Kind.REVERT
    assert watch(QUIET, WELL).kind is Kind.KEEP


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(window(900, 10, 10), id="share"),
        pytest.param(window(300, 300, 300, failed=200), id="errors"),
        pytest.param(window(450, 450, 0), id="lost"),
        pytest.param(window(300, 300, 300, up=False), id="down"),
        pytest.param(window(1, 1, 1, seconds=10.0), id="silent"),
    ],
)
def test_what_the_control_shows_too_is_not_the_changes_doing(bad: Window) -> None:
    assert watch(WELL, bad).kind is Kind.REVERT
    assert watch(WELL, bad, control=WELL).kind is Kind.REVERT
    assert watch(WELL, bad, control=bad).kind is Kind.UNSURE


def test_a_canary_at_its_declared_share_is_kept_and_a_larger_one_is_not() -> None:
    declared = Intent({"a": 0.05, "b": 0.95})
    assert watch(window(0, 900), window(45, 855), intent=declared).kind is Kind.KEEP
    assert watch(window(0, 900), window(450, 450), intent=declared).kind is Kind.REVERT


def test_half_of_a_pool_is_not_meant_to_go_and_one_of_three_is() -> None:
    one, two = Intent({"a": 1.0}), Intent({"a": 0.5, "b": 0.5})
    assert watch(WELL, window(900, 0, 0), intent=one).kind is Kind.REVERT
    assert watch(WELL, window(450, 450, 0), intent=two).kind is Kind.KEEP


def test_what_the_good_config_had_is_meant_also_where_nothing_was_counted_before() -> None:
    one, three = Intent({"a": 1.0}), Intent({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})
    assert meant(one, three).fair == three.fair
    assert watch(QUIET, window(900, 0, 0), intent=meant(one, three)).kind is Kind.REVERT
    two, blue = Intent({"a": 0.5, "b": 0.5}), Intent({"d": 0.5, "e": 0.5})
    assert (meant(two, three), meant(blue, two), meant(three, one)) == (two, blue, three)


def test_looks_that_are_mostly_slow_are_not_kept_however_few_they_are() -> None:
    quick, slow = [0] * len(NO_LATENCY), [0] * len(NO_LATENCY)
    quick[bucket(8.0)], slow[bucket(180.0)] = 300, 300
    watcher = Watcher(EVEN, window(300, 300, 300, latency=tuple(quick)))
    decision = watcher.look(window(300, 300, 300, latency=tuple(slow)), over=True)
    assert decision.kind is Kind.UNSURE
    assert "too few looks" in decision.reasons[0]
    assert MORE in decision.numbers


def answers(milliseconds: float) -> Window:
    """Nine hundred of them, all as quick as that."""
    took = [0] * len(NO_LATENCY)
    took[bucket(milliseconds)] = 900
    return window(300, 300, 300, latency=tuple(took))


@pytest.mark.parametrize(
    ("before_ms", "now_ms", "declared_ms", "kind"),
    [
        (16, 32, None, Kind.KEEP),  # a machine that has more to do
        (8, 90, None, Kind.KEEP),  # nobody feels it
        (8, 180, None, Kind.REVERT),
        (250, 380, None, Kind.KEEP),  # more than 100 ms, and not twice as long
        (250, 700, None, Kind.REVERT),
        (16, 45, 20.0, Kind.REVERT),  # somebody says that it matters
        (16, 45, 60.0, Kind.KEEP),
        (8, 180, 500.0, Kind.KEEP),
    ],
)
def test_slower_is_twice_as_long_and_100_ms_longer_or_longer_than_declared(
    before_ms: float, now_ms: float, declared_ms: float | None, kind: Kind
) -> None:
    watcher = Watcher(Intent(EVEN.fair, latency_ms=declared_ms), answers(before_ms))
    assert looked_at(watcher, now_ms).kind is kind


def looked_at(watcher: Watcher, now_ms: float, control_ms: float | None = None) -> Decision:
    """The decision of twenty looks at answers that take so long."""

    def growing(milliseconds: float, look: int) -> Window:
        servers = [
            ServerCount(one.name, look * one.requests, latency=tuple(look * count for count in one.latency))
            for one in answers(milliseconds).servers
        ]
        return Window(look * 0.5, tuple(servers))

    for look in range(1, 21):
        control = growing(control_ms, look) if control_ms else None
        decision = watcher.look(growing(now_ms, look), control, over=look == 20)
        if decision.kind is not Kind.WATCHING:
            break
    return decision


def test_a_machine_that_gets_slow_for_all_is_told_from_the_change_by_a_control() -> None:
    for control_ms, kind in ((8, Kind.REVERT), (180, Kind.UNSURE)):
        decision = looked_at(Watcher(EVEN, answers(8), control=True), 180, control_ms)
        assert decision.kind is kind, decision
    assert "Balancers without the change show the same." in " ".join(decision.reasons)


def test_blue_and_green_change_places() -> None:
    green = Intent({"d": 0.5, "e": 0.5})
    assert watch(window(450, 450), window(0, 0, 0, 450, 450), intent=green).kind is Kind.KEEP


def test_shares_are_of_a_pool_and_one_with_little_traffic_does_not_decide() -> None:
    pools = Intent({"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}, pools={"a": "x", "b": "x", "c": "y", "d": "y"})

    def both(*counts: int) -> Window:
        servers = [ServerCount(name, count, pool=pools.pools[name]) for name, count in zip("abcd", counts, strict=True)]
        return Window(5.0, tuple(servers))

    assert Watcher(pools, both(400, 400, 5, 5)).look(both(400, 400, 8, 1), over=True).kind is Kind.KEEP
    assert Watcher(pools, both(400, 400, 5, 5)).look(both(400, 400, 700, 0), over=True).kind is Kind.REVERT
    assert Watcher(pools, both(4, 4, 50, 50)).look(both(400, 400, 50, 50), over=True).kind is Kind.KEEP


def test_a_server_that_was_down_before_is_not_lost_by_the_change() -> None:
    down = window(0, 450, 450, up=False)
    assert watch(down, down, intent=Intent({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})).kind is not Kind.REVERT


def test_a_server_that_is_down_for_a_moment_is_not_lost() -> None:
    watcher = Watcher(EVEN, WELL)
    for seconds in (0.3, 0.6, 0.9):
        decision = watcher.look(window(20, 20, 20, seconds=seconds, up=False))
        assert decision.kind is Kind.WATCHING
    assert watcher.look(window(90, 90, 90, seconds=1.5), over=True).kind is Kind.KEEP


def test_what_nobody_tells_is_not_judged() -> None:
    silent = window(300, 300, 300, latency=NO_LATENCY)
    assert watch(silent, silent).kind is Kind.KEEP


def test_a_count_that_begins_anew_is_a_new_watch() -> None:
    watcher = Watcher(EVEN, WELL)
    assert watcher.look(window(900, 0, 0)).kind is Kind.REVERT
    assert watcher.look(window(100, 100, 100, seconds=1.0)).kind is Kind.WATCHING
