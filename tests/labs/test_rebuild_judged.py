"""What is said of a restore that was seen: kept where all is well, and words for each way to break a promise."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from autograder.judge.rollback import Failures
from autograder.judge.spread import judge_spread
from autograder.labs.catalogue import LABS
from autograder.labs.kinds.rebuild import LOADS_AT_MOST, PROMISES, rebuild
from autograder.labs.kinds.rebuild_play import SCRIPT, Kept, Scene, Turn
from autograder.labs.kinds.rebuild_world import CERTIFICATE, CONFIG, HOPELESS, LOST, BackupSet, draw
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.programs import Act
from tests.labs.seen import asked, result, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autograder.labs.kinds.kind import Answer
    from autograder.traffic.sample import Sample

PARTS = {path.name: path.read_bytes() for path in (LABS / "rebuild/made-of").iterdir()}
WORLD = draw(PARTS, LOST, 0)
WANTED = WORLD.wanted
assert WANTED is not None
SERVING = [name for name in WORLD.servers if name != WANTED.out]
FAIR = dict.fromkeys(SERVING, 1 / len(SERVING))
START = Act(1.0, "service", "start haproxy", "0")
ANOTHER = replace(START, word="start nginx", answer="5 there is no service 'nginx' here; there is haproxy\n")
DOWN = replace(START, word="reload haproxy", answer="1 haproxy is not running\n")
REFUSED = replace(START, answer="1 Job failed")
FILES = {SCRIPT: b"#!/bin/sh\ncp -r $1 /etc/haproxy\nsystemctl start haproxy\n"}
EVEN = sample(**dict.fromkeys(SERVING, 80))
NOBODY = sample(failed=240)
LAST_LINE = f"restored {WANTED.name}, {WORLD.minutes_lost(WANTED)} minutes before the loss\n"


def with_sample(arriving: Sample) -> dict[str, Any]:
    """What a turn has of the requests that came after it."""
    return {"arriving": arriving, "spread": judge_spread(arriving, FAIR, unit="request")}


def good(**more: Any) -> Turn:
    """The newest set of use is restored, and all is served."""
    assert WANTED is not None
    key = Kept(f"/etc/haproxy/{CERTIFICATE}", 0o600, True)
    ended = result(0, START, out=f"looking\n{LAST_LINE}")
    seen = with_sample(EVEN)
    return replace(
        Turn(ended, WANTED.files, (key,), True, 10, 1, EVEN, sample(**dict.fromkeys(SERVING, 4)), seen["spread"]),
        **more,
    )


def restored() -> Scene:
    again = good(quiet=Failures(300, 0), meanwhile=Failures(300, 0), result=result(0, out=LAST_LINE))
    return Scene(WORLD, (good(), again))


def hopeless() -> Scene:
    turn = good(result=result(1), files={}, up=False, **with_sample(NOBODY))
    return Scene(draw(PARTS, HOPELESS, 0), (turn,))


def answered(promise: str, scenes: Mapping[str, Scene]) -> Answer:
    question = asked(promise, scenes, FILES)
    stack = Stack("rebuild", (Balancer("lb", "haproxy"),), tuple(map(Server, WORLD.servers)))
    question.running = SimpleNamespace(stack=stack)
    return rebuild(question)


def other(number: int = 0, **changes: Any) -> Callable[[Scene], Scene]:
    """Another turn in its place."""

    def change(scene: Scene) -> Scene:
        turns = list(scene.turns)
        turns[number] = replace(turns[number], **changes)
        return replace(scene, turns=tuple(turns))

    return change


def after(arriving: Sample, number: int = 0, **more: Any) -> Callable[[Scene], Scene]:
    """Other requests came after a turn."""
    return other(number, **with_sample(arriving), **more)


def first_with(fault: str) -> BackupSet:
    return next(one for one in WORLD.sets if one.fault == fault)


def without(*names: str) -> Sample:
    return sample(**{name: 80 for name in SERVING if name not in names})


HEAVY = sample(**{name: 4 if n else 300 for n, name in enumerate(SERVING)})
ELSEWHERE = sample(**{name: 80 for name in WORLD.servers if name != SERVING[0]})
LOADS_TOO_MANY = LOADS_AT_MOST + 1
KEY = f"/etc/haproxy/{CERTIFICATE}"


@pytest.mark.parametrize("promise", PROMISES)
def test_a_good_restore_keeps_every_promise(promise: str) -> None:
    answer = answered(promise, {LOST: restored(), HOPELESS: hopeless()})
    assert answer.passed, answer.observed
    assert not answer.causes


@pytest.mark.parametrize(
    ("promise", "change", "words", "mistake"),
    [
        ("serves", after(NOBODY, up=False), "240 of 240 requests were not served. HAProxy is not running.", ""),
        ("serves", after(NOBODY), "HAProxy runs.", ""),
        ("serves", other(by_tls=sample(failed=12)), "Over TLS 12 of 12 requests were not served.", ""),
        ("serves", after(without(SERVING[0])), f"Users are served, but {SERVING[0]} answered nothing.", ""),
        ("serves", after(HEAVY), f"Users are served, but {SERVING[0]} has ", ""),
        ("newest", other(files={}), "/etc/haproxy is empty.", ""),
        ("newest", other(files={CONFIG: b"global\n"}), f"What lies in /etc/haproxy/{CONFIG} is the config of no", ""),
        ("newest", other(files=first_with("one-heavy").files), "a hundred times the weight", "useless-backup"),
        ("newest", other(files=WORLD.sets[0].files), f"{WANTED.name} can be used, and is ", "older-than-needed"),
        ("newest", other(files={**WANTED.files, CERTIFICATE: b"-"}), f"Its {CERTIFICATE} is not restored with it.", ""),
        ("validated", other(result=result(1, REFUSED)), "asked to start with a config that it", "reload-refused"),
        ("validated", other(result=result(1, Act(1, "master", "reload", "Success=0"))), "to reload", "reload-refused"),
        ("validated", other(result=result(0)), "HAProxy was never started", ""),
        ("validated", other(result=result(0, ANOTHER)), "HAProxy was never started", ""),
        ("validated", other(result=result(0, DOWN)), "HAProxy was never started", ""),
        ("keys", other(kept=()), "There is no private key on the machine", ""),
        ("keys", other(kept=(Kept(KEY, 0o644, True),)), f"{KEY} (mode 644) can be read by", "key-open-to-others"),
        ("keys", other(by_tls=sample(failed=12)), "The keys are closed, and over TLS nobody is served.", ""),
        ("state", after(NOBODY), "Nobody is served at all.", ""),
        ("state", after(sample(**dict.fromkeys(WORLD.servers, 60))), "It answered 60 of ", "mended-at-runtime-only"),
        ("state", after(ELSEWHERE), f"{SERVING[0]} got nothing.", "mended-at-runtime-only"),
        ("state", after(without(SERVING[0])), f"and neither did {SERVING[0]}.", "state-file-returns"),
        ("in-time", after(NOBODY), "After 1 starts and reloads users are not served.", ""),
        ("in-time", other(result=result(0, *[START] * LOADS_TOO_MANY)), "6 starts and reloads", "slower-than-promised"),
        ("tells-the-truth", other(result=result(2)), "Where a set was of use: It ended with code 2", ""),
        ("tells-the-truth", other(result=result(0, out="done\n")), "Its last line does not name the set", ""),
        ("tells-the-truth", other(result=result(0, out=f"is {WANTED.name}")), "does not say how old", "loss-unsaid"),
        ("twice", after(NOBODY), "After the first run users were not served", ""),
        ("twice", other(1, starts=2), "The second run ended HAProxy and started it again", "restart-loses-requests"),
        ("twice", other(1, meanwhile=Failures(300, 40)), "In the second run 40 of 300 requests failed meanwhile.", ""),
        ("twice", other(1, answered=HEAVY.counts()), f"while it went on, {SERVING[0]} had 97%", "useless-backup"),
        ("twice", other(1, files=WORLD.sets[0].files), "The second run left another config than the first.", ""),
        ("twice", other(1, result=result(0, REFUSED)), "HAProxy refused what it was asked to load", ""),
        ("twice", after(HEAVY, 1), "The second run did harm: users are not spread any more.", ""),
        ("twice", other(1, result=result(6)), "All was well, and the second run: It ended with code 6", ""),
    ],
)  # fmt: skip
def test_each_way_to_break_a_promise_has_its_words(
    promise: str, change: Callable[[Scene], Scene], words: str, mistake: str
) -> None:
    answer = answered(promise, {LOST: change(restored()), HOPELESS: hopeless()})
    assert not answer.passed
    assert words in answer.observed
    if promise != "serves":  # there it is the catalogue's to say
        assert [cause.mistake for cause in answer.causes] == ([mistake] if mistake else [])


def test_a_reload_that_comes_to_nothing_since_haproxy_is_down_loads_nothing() -> None:
    first = other(result=result(0, DOWN, START, out=LAST_LINE))(restored())
    assert answered("validated", {LOST: first, HOPELESS: hopeless()}).passed


def test_users_of_a_second_run_who_are_spread_or_few_are_not_held_against_it() -> None:
    for answered_by in (EVEN.counts(), {SERVING[0]: 20}, {}):
        scene = other(1, answered=answered_by)(restored())
        assert answered("twice", {LOST: scene, HOPELESS: hopeless()}).passed


def test_a_last_line_without_the_set_is_answered_with_what_belongs_there() -> None:
    scene = other(result=result(0, out="done\n"))(restored())
    assert "last line" in answered("tells-the-truth", {LOST: scene, HOPELESS: hopeless()}).why


@pytest.mark.parametrize(
    ("ended", "words", "mistakes"),
    [
        (result(0), "Where no set was of use, the script ended with 0.", ["says-yes-regardless"]),
        (result(137, ended_by="wall"), "Where no set was of use: ", []),
    ],
)
def test_where_no_set_is_of_use_the_script_has_to_say_so(ended: Any, words: str, mistakes: list[str]) -> None:
    answer = answered("tells-the-truth", {LOST: restored(), HOPELESS: other(result=ended)(hopeless())})
    assert not answer.passed
    assert words in answer.observed
    assert [cause.mistake for cause in answer.causes] == mistakes


def test_what_the_catalogue_reads_in_a_restored_config_is_told_as_the_cause() -> None:
    heavy = after(HEAVY, files=first_with("one-heavy").files)(restored())
    assert "weight-skew" in {cause.mistake for cause in answered("serves", {LOST: heavy}).causes}
