"""The campaign: what it plays is what it says, and a short one comes out as a long one should."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from autograder.bench import guarding
from autograder.bench.guard_apart import Blow
from autograder.bench.guard_cases import PROXIES, SERVERS, draw, kinds
from autograder.bench.guard_play import Played, play
from autograder.errors import ManyHandsError
from autograder.guard.state import Step
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import open_stack

RIGHT = Played(0, "nginx", "comment", bad=False, outcome="kept", requests=100, well=True)
BACK = Played(1, "haproxy", "weight-skew", bad=True, outcome="reverted", restore_s=2.0, well=True)


def campaign(*played: Played) -> guarding.Campaign:
    return guarding.Campaign(played, (), 0.0)


@pytest.mark.parametrize("proxy", PROXIES)
def test_every_kind_of_change_is_one_that_the_balancer_takes(proxy: str) -> None:
    stack = Stack("shop", (Balancer("balancer", proxy),), tuple(Server(f"app{n}") for n in range(1, SERVERS + 1)))
    seen = Counter[tuple[str, bool]]()
    with open_stack(stack) as running:
        for bad in (True, False):
            for number in range(PROXIES.index(proxy), 2 * len(kinds(proxy, bad)), 2):
                change = draw(5, number, bad)
                assert change.proxy == proxy
                assert change.before != change.after
                assert running.check({stack.balancer.config: change.after.encode()}) == (), change
                seen[change.kind, bad] += 1
    assert seen == {(kind, bad): 1 for bad in (True, False) for kind in kinds(proxy, bad)}


def test_a_number_fixes_a_change_and_a_seed_makes_others() -> None:
    assert draw(1, 7, bad=True) == draw(1, 7, bad=True)
    some = [draw(seed, number, bad=True).after for seed in (1, 2) for number in range(40)]
    assert len(set(some)) > 60


def test_the_guard_is_killed_at_every_step_in_a_campaign_of_full_length() -> None:
    bad = [guarding.killed_at(1, number, bad=True) for number in range(guarding.CHANGES)]
    benign = [guarding.killed_at(1, number, bad=False) for number in range(guarding.CHANGES)]
    reached = set(Step) - {Step.INSPECT}
    both = {(step, phase) for step in reached for phase in ("begun", "done")}
    assert {one for one in (*bad, *benign) if one} == both
    assert sum(one is not None for one in bad) == guarding.CHANGES / 5


def test_in_a_campaign_of_kills_each_guard_is_killed_somewhere_on_its_way() -> None:
    every = {(number, bad): guarding.blows(1, number, bad) for number in range(200) for bad in (True, False)}
    assert {len(one) for one in every.values()} == {1, 2}
    for (number, bad), some in every.items():
        assert {(one.step, one.phase) for one in some} <= set(guarding.places(number, bad))
    assert {one.step for some in every.values() for one in some} == set(Step) - {Step.INSPECT}
    assert 0.4 < sum(one.after_s > 0 for some in every.values() for one in some) / sum(map(len, every.values())) < 0.6


def test_every_kind_of_change_meets_one_balancer_and_two() -> None:
    for bad in (True, False):
        met = {(change.proxy, change.kind, change.balancers) for change in (draw(1, n, bad) for n in range(500))}
        every = {(proxy, kind) for proxy in PROXIES for kind in kinds(proxy, bad)}
        assert met == {(*one, count) for one in every for count in (1, 2)}


def test_what_should_not_be_is_found_and_named() -> None:
    assert campaign(RIGHT, BACK).exit_code == 0
    for wrong in (
        replace(BACK, outcome="kept"),
        replace(RIGHT, outcome="reverted"),
        replace(RIGHT, lost=1),
        replace(BACK, stuck="it waits for nobody"),
        replace(BACK, well=False),
    ):
        found = campaign(*[RIGHT] * 100, *[BACK] * 100, wrong)
        assert found.exit_code == 1, wrong
        assert f"{wrong.proxy} {wrong.kind}: {wrong.outcome}" in found.report()
        assert found.to_dict()["to_look_at"] == [asdict(wrong)]
    held = campaign(RIGHT, replace(RIGHT, outcome="held"))
    assert (held.exit_code, held.numbers["held"], held.numbers["false"]) == (0, 1, 0)
    assert replace(campaign(RIGHT), ours=("bad 3: it burned",)).exit_code == 1


def test_one_incident_in_two_hundred_may_be_missed_and_not_two() -> None:
    missed = replace(BACK, outcome="kept")
    assert campaign(*[BACK] * 199, missed).exit_code == 0
    assert campaign(*[BACK] * 198, missed, missed).exit_code == 1


def test_the_median_is_of_restores_by_a_guard_that_nobody_killed() -> None:
    several = [replace(BACK, restore_s=seconds) for seconds in (1.0, 2.0, 9.0)]
    found = campaign(*several, replace(BACK, restore_s=99.0, killed="watch begun")).numbers
    assert (found["restore_s"], found["killed"]) == (2.0, 1)


def test_a_campaign_goes_on_where_it_ended(tmp_path: Path) -> None:
    record = tmp_path / "campaign.jsonl"
    lines = [{"seed": 1, **asdict(one)} for one in (replace(RIGHT, number=0), replace(BACK, number=0))]
    record.write_text("".join(json.dumps(line) + "\n" for line in (*lines, {**lines[0], "seed": 2})))
    found = guarding.measure(1, 1, seed=1, record=record)
    assert {one.bad for one in found.played} == {True, False}  # nothing was left to play
    record.write_text("".join(json.dumps({**line, "kill": True}) + "\n" for line in lines[:2]))
    assert len(guarding.measure(1, 1, seed=1, record=record, kill=True).played) == 2
    record.write_text("{}\n")
    with pytest.raises(ManyHandsError, match="no record of a campaign"):
        guarding.measure(1, 1, seed=1, record=record)
    with pytest.raises(ManyHandsError, match="one or more at a time"):
        guarding.measure(1, 1, jobs=-1)


@pytest.mark.slow
def test_a_short_campaign_comes_out_as_a_long_one_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "_TASKS_A_PROCESS", 1)  # of two rounds
    record = tmp_path / "campaign.jsonl"
    found = guarding.measure(2, 2, seed=3, jobs=2, record=record)
    # Whether a benign one is kept hangs on how busy this machine is: slower answers are taken for the change's doing.
    assert "kept" not in {one.outcome for one in found.of(bad=True)}, found.report()
    assert (found.numbers["stuck"], found.ours) == (0, ()), found.report()
    assert found.numbers["bad"] == found.numbers["benign"] == 2
    assert len(record.read_text(encoding="utf-8").splitlines()) == 4


@pytest.mark.slow
def test_guards_that_get_a_real_kill_leave_nothing_undone() -> None:
    """In the middle of the watch, and in the middle of the way back."""
    change = draw(3, 1, bad=True)
    steps = (Blow(Step.WATCH_CANARY, "begun", 0.1), Blow(Step.RESTORE, "begun"))
    found = play(1, change, blows=steps)
    assert (found.killed, found.balancers) == ("watch-canary begun +0.10 s, restore begun", 2)
    assert (found.outcome, found.stuck) == ("reverted", ""), found.why
