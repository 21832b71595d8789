"""A watchdog is judged by what it did beside a real balancer, with requests for a clock.

Every folder of the lab is proved by ``./manyhands verify it-rolls-itself-back``; here is one scene of each kind.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.kinds.watchdog import PROMISES, scenes_of
from autograder.labs.kinds.watchdog_play import _ROUNDS, _WARM, SCENES, Watched, _loads, _Player
from autograder.labs.verify import expectations
from autograder.stack.procfs import wait_until

if TYPE_CHECKING:
    from autograder.stack.running_program import RunningProgram
    from autograder.traffic.sample import Sample

LAB = load_lab("it-rolls-itself-back")
CASES = {case.name: case for case in expectations(LAB)}


class Counted(NamedTuple):
    """What a watchdog has done so far: asked HAProxy, and made it load a config."""

    looks: int
    loads: int


def outcomes(case: str, checks: list[str], engine: str = "local", seed: int = 0) -> dict[str, str]:
    verdicts = examine(LAB, LAB.read(CASES[case].folder), engine=engine, checks=checks, seed=seed)
    return {verdict.check: f"{verdict.outcome}: {verdict.observed} {verdict.why}" for verdict in verdicts}


def test_every_promise_is_a_check_and_every_scene_is_asked_about() -> None:
    assert sorted(check.settings["promise"] for check in LAB.checks) == sorted(PROMISES)
    assert {scene for check in LAB.checks for scene in scenes_of(check)} == set(SCENES)
    assert LAB.points == 10


def test_a_good_watchdog_undoes_what_nobody_saw_before_and_spares_what_was_meant() -> None:
    got = outcomes("reference", ["pinned", "canary"], seed=3)
    assert all(words.startswith("passed") for words in got.values()), got


def test_one_that_goes_back_and_forth_is_told_how_often() -> None:
    (words,) = outcomes("back-and-forth", ["hopeless"]).values()
    assert words.startswith("failed: With a change every server begins to fail"), words
    assert "the first one already showed that it does not help" in words


def test_one_that_ends_at_once_is_told_what_it_said_last() -> None:
    files = LAB.read(LAB.reference) | {"watchdog.py": b"raise SystemExit('no releases')\n"}
    (verdict,) = examine(LAB, files, checks=["pinned"])
    assert (verdict.outcome, verdict.points) == ("failed", 0.0)
    assert verdict.why.startswith("watchdog.py is gone: It ended with code 1")
    assert verdict.why.endswith("no releases")


def test_each_round_is_looked_at_whole_however_slowly_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a watchdog looks several times while a round is sent, and each time sees a part of it."""
    programs: list[RunningProgram] = []
    rounds: list[tuple[int, Counted, Counted]] = []
    real_watch, real_send = _Player.watch, _Player._send

    def counted() -> Counted:
        acts = programs[-1].acts()
        return Counted(len([act for act in acts if act.kind == "runtime"]), len(_loads(acts)))

    def watch(player: _Player, program: RunningProgram, scene: str) -> Watched:
        programs.append(program)
        return real_watch(player, program, scene)

    def send(player: _Player, number: int, requests: int) -> Sample:
        begins = counted()
        if number < _WARM + _ROUNDS:
            assert wait_until(lambda: counted().looks >= begins.looks + 3, 60)
        sample = real_send(player, number, requests)
        rounds.append((number, begins, counted()))
        return sample

    monkeypatch.setattr(_Player, "watch", watch)
    monkeypatch.setattr(_Player, "_send", send)
    got = outcomes("all-are-equal", ["audit"])
    assert all(words.startswith("passed") for words in got.values()), got
    after = [(ended, begins) for (_, _, ended), (number, begins, _) in pairwise(rounds) if number]
    assert len(after) == len(scenes_of(next(check for check in LAB.checks if check.name == "audit"))) * (
        _WARM + _ROUNDS
    )
    assert all(begins.looks >= ended.looks + 2 or begins.loads > ended.loads for ended, begins in after), after


@pytest.mark.docker
def test_a_good_watchdog_passes_on_docker() -> None:
    got = outcomes("reference", ["errors", "noise"], engine="docker")
    assert all(words.startswith("passed") for words in got.values()), got
