"""A script's rollback is judged by what a pair of real balancers did: on both engines, and told apart by its promises.

Every folder of the lab is proved by ``./manyhands verify roll-it-back``; here are those that take no three scenes.
"""

from __future__ import annotations

import re

import pytest

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.kinds.rollback import PROMISES
from autograder.labs.kinds.rollback_world import OUTAGE, draw, read_history
from autograder.labs.lab import Variant
from autograder.labs.proofs import Expected
from autograder.labs.variants import vary
from autograder.labs.verdict import Outcome
from autograder.labs.verify import expectations

LAB = load_lab("roll-it-back")
CASES = {case.name: case for case in expectations(LAB)}
IN_THE_OUTAGE = ["only-the-bad", "history", "reloaded", "running-is-disk", "state-cleared", "servers-back"]
IN_THE_OUTAGE += ["twice", "both"]


def held(expected: Expected, checks: list[str], engine: str = "local", seed: int = 0) -> None:
    verdicts = examine(LAB, LAB.read(expected.folder), engine=engine, checks=checks, seed=seed)
    got = {verdict.check: str(verdict.outcome) for verdict in verdicts}
    assert got == {name: expected.outcomes.get(name, got[name]) for name in checks}, verdicts
    named = {cause.mistake for verdict in verdicts for cause in verdict.causes}
    assert named >= set(expected.diagnosis), verdicts


def test_every_promise_is_a_check() -> None:
    asked = [check.settings["promise"] for check in LAB.checks if check.kind == "rollback"]
    assert sorted(asked) == sorted(PROMISES)
    assert LAB.points == 10


def test_everybodys_config_log_and_history_tell_of_one_change() -> None:
    everybody = [vary(LAB, Variant("a seed", f"student-{number}")) for number in range(16)]
    assert {lab.starts[0].folder for lab in everybody} == {start.folder for start in LAB.starts}
    assert {len(lab.stack.servers) for lab in everybody} == {4, 5, 6}
    for lab in (LAB, *everybody):
        servers = [server.name for server in lab.stack.servers]
        written = lab.rewriting.text((lab.folder / "history.toml").read_text(encoding="utf-8"))
        world = draw(read_history(written, servers), OUTAGE, 0)
        assert lab.read(lab.start)["conf/haproxy.cfg"].split() == world.last["haproxy.cfg"].split()
        assert lab.read(lab.reference)["conf/haproxy.cfg"].split() == world.wanted["haproxy.cfg"].split()
        assert {world.taken_out, world.drained} < set(servers)
        notebook = lab.rewriting.text(lab.notebook.read_text(encoding="utf-8"))
        log = notebook.partition("```text")[2].partition("```")[0]
        assert [change.name for change in world.changes[:0:-1] if change] == re.findall(r"^# (\S+) ", log, re.MULTILINE)


def test_a_good_rollback_passes_in_a_world_that_nobody_saw_before() -> None:
    held(CASES["reference"], IN_THE_OUTAGE, seed=1)


def test_one_that_takes_already_undone_for_already_loaded() -> None:
    held(CASES["nothing-to-do"], IN_THE_OUTAGE)


@pytest.mark.parametrize(("case", "outcome"), [("reference", "passed"), ("unchecked", "failed")])
def test_a_config_that_does_not_hold(case: str, outcome: str) -> None:
    (verdict,) = examine(LAB, LAB.read(CASES[case].folder), checks=["validated"])
    assert verdict.outcome == Outcome(outcome), verdict


def test_the_script_from_the_drawer_restarts_and_is_shown_where() -> None:
    (verdict,) = examine(LAB, LAB.read(LAB.start), checks=["reloaded"])
    assert verdict.outcome is Outcome.FAILED
    cause = verdict.causes[0]
    assert (cause.mistake, cause.file) == ("restart-loses-requests", "rollback.sh")
    assert LAB.read(LAB.start)["rollback.sh"].decode().splitlines()[cause.line - 1] == "systemctl restart haproxy"


@pytest.mark.docker
def test_a_good_rollback_passes_on_docker() -> None:
    held(CASES["reference"], IN_THE_OUTAGE, engine="docker")
