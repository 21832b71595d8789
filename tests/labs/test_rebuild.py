"""A restore is judged by what a new machine did with the sets that it was given: which of them, whole, and said so."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.kinds.rebuild import PROMISES
from autograder.labs.kinds.rebuild_world import HARMFUL, HOPELESS, LOST, REFUSED, WRITTEN, draw
from autograder.labs.lab import Variant
from autograder.labs.variants import vary
from autograder.labs.verdict import Outcome
from autograder.labs.verify import expectations

if TYPE_CHECKING:
    from autograder.labs.verdict import Verdict

LAB = load_lab("rebuild")
CASES = {case.name: case for case in expectations(LAB)}
PARTS = {path.name: path.read_bytes() for path in (LAB.folder / "made-of").iterdir()}
ON_THE_NEW_MACHINE = ["serves", "newest", "validated", "keys", "state", "in-time", "twice"]


def examined(case: str, checks: list[str], engine: str = "local", seed: int = 0) -> dict[str, Verdict]:
    files = LAB.read(CASES[case].folder)
    return {one.check: one for one in examine(LAB, files, engine=engine, checks=checks, seed=seed)}


def test_every_promise_is_a_check() -> None:
    asked = [check.settings["promise"] for check in LAB.checks if check.kind == "rebuild"]
    assert sorted(asked) == sorted(PROMISES)
    assert LAB.points == 10


def test_the_sets_that_a_learner_sees_are_those_of_seed_0() -> None:
    everybody = [vary(LAB, Variant("a seed", f"student-{number}")) for number in range(12)]
    starts = {lab.starts[0].folder for lab in everybody}
    assert starts == set(WRITTEN) == {start.folder for start in LAB.starts}
    assert {len(lab.stack.servers) for lab in everybody} == {4, 5, 6}
    for lab in (LAB, *everybody):
        parts = {name: lab.rewriting.file(content) for name, content in PARTS.items()}
        world = draw(parts, LOST, 0, lab.starts[0].folder)
        folder = lab.start / "backups"
        seen = {
            str(path.relative_to(folder)): lab.rewriting.file(path.read_bytes())
            for path in folder.rglob("*")
            if path.is_file()
        }
        assert seen == world.given()
        assert world.wanted is not None
        assert set(world.servers) == {server.name for server in lab.stack.servers}
        assert lab.read(lab.reference)["conf/haproxy.cfg"] == world.wanted.files["haproxy.cfg"]


def test_drawn_worlds_differ_and_always_have_both_kinds_of_useless_sets_on_top() -> None:
    worlds = [draw(PARTS, LOST, seed) for seed in range(1, 60)]
    assert worlds[0] == draw(PARTS, LOST, 1)
    for world in worlds:
        third, second, newest = world.sets[-3:]
        assert world.wanted is third
        assert world.minutes_lost(third) > 24 * 60  # who forgets the days tells too few
        assert len({second.fault in REFUSED, newest.fault in REFUSED}) == 2
        assert third.out != world.sets[0].out
        assert sorted(one.name for one in world.sets) == [one.name for one in world.sets]
        assert len({one.files["haproxy.cfg"] for one in world.sets}) == len(world.sets)
    assert {one.fault for world in worlds for one in world.sets} == {"", *REFUSED, *HARMFUL}
    assert len({world.lost_at for world in worlds}) > 40
    assert all(draw(PARTS, HOPELESS, seed).wanted is None for seed in range(30))


def test_minutes_are_from_the_set_to_the_loss() -> None:
    world = draw(PARTS, LOST, 0)
    one = dataclasses.replace(world.sets[0], name="2023-02-28T2350")
    assert dataclasses.replace(world, lost_at="2023-03-01T0115").minutes_lost(one) == 85


def test_a_good_restore_passes_in_a_world_that_nobody_saw_before() -> None:
    got = examined("reference", [*ON_THE_NEW_MACHINE, "truth"], seed=1)
    assert all(one.outcome is Outcome.PASSED for one in got.values()), got


def test_a_check_of_the_syntax_takes_the_set_with_the_mistake_of_the_incident() -> None:
    got = examined("syntax-is-enough", ON_THE_NEW_MACHINE)
    assert {name for name, one in got.items() if one.outcome is Outcome.FAILED} == {"serves", "newest", "twice"}, got
    cause = got["serves"].causes[0]
    assert (cause.mistake, cause.file) == ("weight-skew", "haproxy.cfg")


def test_who_begins_from_scratch_a_second_time_ends_what_served() -> None:
    got = examined("from-scratch", ["twice"])["twice"]
    assert got.outcome is Outcome.FAILED
    assert got.causes[0].mistake == "restart-loses-requests"
    script = LAB.read(CASES["from-scratch"].folder)["restore.sh"].decode().splitlines()
    assert script[got.causes[0].line - 1] == "systemctl stop haproxy"


def test_a_new_machine_says_that_nothing_was_restored_yet() -> None:
    got = examined("start", ["by-hand"])["by-hand"]
    assert got.outcome is Outcome.FAILED
    assert got.observed.startswith("No request reached any server.")


@pytest.mark.docker
@pytest.mark.slow
def test_a_good_restore_passes_on_docker() -> None:
    got = examined("reference", ON_THE_NEW_MACHINE, engine="docker")
    assert all(one.outcome is Outcome.PASSED for one in got.values()), got
