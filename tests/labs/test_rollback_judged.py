"""What is said of a rollback that was seen: kept where all is well, and words for each way to break a promise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from autograder.judge.rollback import Failures
from autograder.judge.spread import judge_spread
from autograder.labs.kinds.rollback import PROMISES, rollback
from autograder.labs.kinds.rollback_play import SCRIPT, Look, Scene, Turn
from autograder.labs.kinds.rollback_world import ENTANGLED, NO_HELP, OUTAGE, World, draw
from autograder.stack.programs import Act
from autograder.stack.proxies.proxy import ServerNow
from tests.labs.seen import asked, result, sample
from tests.labs.test_program_kinds import HISTORY, git, kept, made

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from autograder.labs.kinds.kind import Answer
    from autograder.traffic.sample import Sample

SERVERS = ("app1", "app2", "app3", "app4")

RELOAD = Act(1.0, "service", "reload haproxy", "0")
FILES = {SCRIPT: b"#!/bin/sh\n# reload\ngit revert $1\nsystemctl reload haproxy\n"}
EVEN = sample(app1=50, app2=50, app3=50, app4=50)
HOT = sample(app1=190, app2=4, app3=3, app4=3)


def servers(**changed: Any) -> tuple[ServerNow, ...]:
    """All of them up with their weights, but for what is said of some."""
    fine = {name: ServerNow("shop", name, f"{name}:8080", "UP", 1, 0) for name in SERVERS}
    return tuple(replace(now, **changed.get(name, {})) for name, now in fine.items())


def look(files: Mapping[str, bytes], kept_git: Mapping[str, bytes] | None = None) -> Look:
    return Look(files, kept_git or {}, False, 10, 1, servers(), "")


def turn(balancer: str, before: Look, after: Look, *, code: int = 0, arriving: Sample = EVEN) -> Turn:
    spread = judge_spread(arriving, dict.fromkeys(SERVERS, 0.25), unit="request")
    quiet, meanwhile = Failures(300, 0), Failures(300, 0)
    return Turn(balancer, result(code, RELOAD), before, after, quiet, meanwhile, arriving, spread)


def undone(folder: Path, world: World, message: str) -> tuple[tuple[str, ...], dict[str, bytes]]:
    """The names of the commits, and the repository after the named one was undone with such a message."""
    names = made(folder, world)
    git(folder, "revert", "--no-commit", names[world.named])
    git(folder, "commit", "--quiet", "-m", message.format(named=names[world.named], reason=world.reason))
    return tuple(names), kept(folder)


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The script did all as it should: on both balancers, and changed nothing when it ran once more."""
    world = draw(HISTORY, OUTAGE, 0)
    names, repository = undone(tmp_path_factory.mktemp("good") / "git", world, "Undo {named}: {reason}")
    right = look(world.wanted, repository)
    turns = (turn("lb1", look(world.last), right), turn("lb2", right, right), turn("lb1", right, right))
    return Scene(world, names, turns, True, servers())


@pytest.fixture(scope="module")
def entangled() -> Scene:
    """A later change builds on the named one: the script said no, and left all as it was."""
    world = draw(HISTORY, ENTANGLED, 0)
    names = tuple(f"{n:040x}" for n in range(len(world.versions)))
    return Scene(world, names, (turn("lb1", look(world.last), look(world.last), code=1),), True)


@pytest.fixture(scope="module")
def no_help() -> Scene:
    """Going back did not help, and the script said so."""
    world = draw(HISTORY, NO_HELP, 0)
    names = tuple(f"{n:040x}" for n in range(len(world.versions)))
    return Scene(world, names, (turn("lb1", look(world.last), look(world.wanted), code=3, arriving=HOT),), True)


@pytest.fixture
def scenes(outage: Scene, entangled: Scene, no_help: Scene) -> dict[str, Scene]:
    return {OUTAGE: outage, ENTANGLED: entangled, NO_HELP: no_help}


def answered(promise: str, scenes: Mapping[str, Scene]) -> Answer:
    return rollback(asked(promise, scenes, FILES))


def other(number: int = 0, **changes: Any) -> Callable[[Scene], Scene]:
    """Another turn in its place."""

    def change(scene: Scene) -> Scene:
        turns = list(scene.turns)
        turns[number] = replace(turns[number], **changes)
        return replace(scene, turns=tuple(turns))

    return change


def after(number: int = 0, **changes: Any) -> Callable[[Scene], Scene]:
    """Something else was found after a turn. What is a function is asked of the scene."""

    def change(scene: Scene) -> Scene:
        found = {name: value(scene) if callable(value) else value for name, value in changes.items()}
        return other(number, after=replace(scene.turns[number].after, **found))(scene)

    return change


def met(number: int, arriving: Sample) -> Callable[[Scene], Scene]:
    """Other requests came after a turn."""
    return other(number, arriving=arriving, spread=judge_spread(arriving, dict.fromkeys(SERVERS, 0.25), unit="request"))


def tip(number: int) -> Callable[[Scene], dict[str, bytes]]:
    """The branch ends at an old commit."""
    return lambda scene: {**scene.turns[0].after.git, "refs/heads/main": f"{scene.names[number]}\n".encode()}


def changed_by_hand(scene: Scene) -> dict[str, bytes]:
    config = scene.world.wanted["haproxy.cfg"]
    return {"haproxy.cfg": config.replace(b"timeout connect 2s", b"timeout connect 9s")}


@pytest.mark.parametrize("promise", PROMISES)
def test_a_good_rollback_keeps_every_promise(promise: str, scenes: dict[str, Scene]) -> None:
    answer = answered(promise, scenes)
    assert answer.passed, answer.observed
    assert not answer.causes


BROKEN: list[tuple[str, Any, str]] = [
    ("only-the-bad", after(files=lambda s: s.world.last), "is still in the config on lb1"),
    ("only-the-bad", after(files=lambda s: s.world.versions[s.world.named - 1]), "and so are 3 good changes"),
    ("only-the-bad", after(files=changed_by_hand), "haproxy.cfg on lb1 is neither the old version nor"),
    ("history", after(git={"HEAD": b"0" * 40}), "No branch is checked out"),
    ("history", after(git={"HEAD": b"ref: refs/heads/main\n"}), "there is no branch main"),
    ("history", after(git=tip(0)), "which was the last, is no longer part of the history"),
    ("history", after(files=changed_by_hand), "What lies on disk is not what was committed"),
    ("history", after(git=tip(-1), files=lambda s: s.world.last), "Nothing was committed"),
    ("validated", met(0, sample(failed=200)), "lb1 no longer takes connections"),
    ("validated", other(result=result(1, replace(RELOAD, answer="1 no"))), "asked for a reload all the same"),
    ("validated", other(result=result(1, Act(1, "master", "reload", "Success=0"))), "asked for a reload all the same"),
    ("validated", lambda s: replace(s, holds=False), "the next start of lb1 would fail"),
    ("validated", after(files=lambda s: s.world.versions[-2]), "The script took that away as well"),
    ("validated", other(result=result(0)), "ended with 0, as if all were well"),
    ("validated", after(differs=True), "no longer what lies on its disk"),
    ("reloaded", after(pid=None), "HAProxy on lb1 was ended"),
    ("reloaded", after(2, pid=11, starts=2), "HAProxy on lb1 was restarted"),
    ("reloaded", after(1, starts=2), "HAProxy on lb2 was restarted"),
    ("reloaded", other(result=result(0, Act(1, "runtime", "show stat", ""))), "No reload was asked for on lb1"),
    ("nothing-lost", met(1, sample(failed=200)), "every request to lb2 fails"),
    ("nothing-lost", other(meanwhile=Failures(300, 50)), "50 of 900 requests failed while the script ran."),
    ("nothing-lost", other(result=result(0)), "But nothing was reloaded, so nothing could be lost"),
    ("runs-what-lies-there", after(pid=None), "Nothing runs on lb1"),
    ("runs-what-lies-there", after(differs=True), "carry another config than the one that lies on disk"),
    ("runs-what-lies-there", after(files=lambda s: s.world.last), "what was there before"),
    ("state-cleared", after(servers=servers(app3={"weight": 0})), "the weight of app3 to nothing"),
    ("state-cleared", met(0, sample(app1=60, app2=70, app4=70)), "the weight of app3 to nothing"),
    ("state-cleared", lambda s: replace(s, reloaded=servers(app3={"weight": 0})), "the weight of app3 to nothing"),
    ("state-cleared", lambda s: replace(s, reloaded=()), "the weight of app3 to nothing"),
    ("servers-back", met(0, sample(app1=60, app2=70, app3=70)), "It answered none of 200 requests"),
    ("servers-back", lambda s: replace(s, reloaded=servers(app4={"status": "MAINT"})), "took it out again"),
    ("servers-back", met(0, sample(app2=60, app3=70, app4=70)), "It is back; app1 got nothing"),
    ("twice", after(files=lambda s: s.world.last), "The first run did not bring the right config"),
    ("twice", after(2, files=lambda s: s.world.last), "The second run brought the bad change back"),
    ("twice", after(2, files=changed_by_hand), "The second run changed the config again"),
    ("twice", after(2, differs=True), "After the second run, what runs is not what lies on disk"),
    ("twice", other(2, result=result(4)), "The second run did not end with 0. It ended with code 4"),
    ("both", after(1, files=lambda s: s.world.last), "On lb2 lies another config than the right one; on the other"),
    ("both", after(0, differs=True), "On lb1 the right config lies on disk, unread."),
    ("both", met(1, HOT), "On lb2 app1 has 95% of the requests"),
    ("both", met(1, sample(app1=60, app2=70, app3=70)), "On lb2 app4 got nothing"),
    ("both", other(1, result=result(5)), "On lb2: It ended with code 5"),
]


@pytest.mark.parametrize(("promise", "change", "words"), BROKEN)
def test_each_way_to_break_a_promise_has_its_words(
    promise: str, change: Callable[[Scene], Scene], words: str, scenes: dict[str, Scene]
) -> None:
    scene = ENTANGLED if promise == "validated" else OUTAGE
    answer = answered(promise, {**scenes, scene: change(scenes[scene])})
    assert not answer.passed
    assert words in answer.observed


@pytest.mark.parametrize(
    ("message", "words"),
    [("Undo it: {reason}", "No message names the commit"), ("Undo {named}", "No message says why. The reason")],
)
def test_a_history_has_to_say_which_commit_and_why(
    message: str, words: str, scenes: dict[str, Scene], tmp_path: Path
) -> None:
    names, repository = undone(tmp_path / "git", scenes[OUTAGE].world, message)
    answer = answered("history", {OUTAGE: after(git=repository)(replace(scenes[OUTAGE], names=names))})
    assert not answer.passed
    assert words in answer.observed


@pytest.mark.parametrize(
    ("scene", "change", "words"),
    [
        (NO_HELP, other(result=result(0)), "app1 still has 95% of the requests, and the script said that all is well"),
        (NO_HELP, other(result=result(137, ended_by="wall")), "and was ended after 2.5 s"),
        (OUTAGE, other(result=result(1)), "Not 0, and all servers had their share."),
        (OUTAGE, lambda s: met(0, HOT)(other(result=result(1))(s)), "Not 0, and the outage was not over."),
        (OUTAGE, met(0, HOT), "It ended with 0, and app1 has 95% of the requests."),
        (OUTAGE, met(0, sample(app1=60, app2=70, app3=70)), "It ended with 0, and app4 got nothing."),
    ],
)
def test_who_says_that_all_is_well_where_it_is_not_has_not_told_the_truth(
    scene: str, change: Callable[[Scene], Scene], words: str, scenes: dict[str, Scene]
) -> None:
    answer = answered("tells-the-truth", {**scenes, scene: change(scenes[scene])})
    assert not answer.passed
    assert words in answer.observed


def test_a_dead_server_is_named_where_going_back_could_not_help(scenes: dict[str, Scene]) -> None:
    world = replace(scenes[NO_HELP].world, dead="app2")
    lied = replace(other(result=result(0))(scenes[NO_HELP]), world=world)
    assert "a world where app2 is dead" in answered("tells-the-truth", {**scenes, NO_HELP: lied}).observed


def test_the_mistake_is_told_with_the_line_of_the_script_that_made_it(scenes: dict[str, Scene]) -> None:
    refused = other(result=result(1, replace(RELOAD, answer="1 no")))(scenes[ENTANGLED])
    (cause,) = answered("validated", {ENTANGLED: refused}).causes
    assert (cause.mistake, cause.file, cause.line, cause.quote) == (
        "reload-refused",
        SCRIPT,
        4,
        "systemctl reload haproxy",
    )
