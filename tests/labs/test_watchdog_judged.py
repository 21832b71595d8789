"""What is said of a watchdog that was watched: kept where it did right, and its own words for each way to do wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from autograder.judge.spread import judge_spread
from autograder.labs.kinds.watchdog import IN_TIME, watchdog
from autograder.labs.kinds.watchdog_play import CANARY, ERRORS, HOPELESS, MAINTENANCE, NOISE, PINNED, Watched
from tests.labs.seen import asked, result, sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.labs.kinds.kind import Answer
    from autograder.traffic.sample import Sample

FAIR = dict.fromkeys(("app1", "app2", "app3"), 1 / 3)
EVEN, HOT = sample(app1=80, app2=80, app3=80), sample(app1=236, app2=2, app3=2)
UNDONE = {"action": "rollback", "why": "app1 had 97 % of 160 requests"}
GAVE_UP = {"action": "give-up", "why": "undone, and 80 of 80 still fail"}


def with_sample(last: Sample) -> dict[str, Any]:
    return {"last": last, "spread": judge_spread(last, FAIR, unit="request")}


def undid(**more: Any) -> Watched:
    """It undid a bad change once, early, by a reload, and wrote why."""
    spread = judge_spread(EVEN, FAIR, unit="request")
    seen = Watched("Release 3 came", 1, False, 160, True, False, 7, 560, EVEN, spread, result(0), False, (UNDONE,))
    return replace(seen, **more)


def spared(**more: Any) -> Watched:
    """It left alone what was meant."""
    return undid(**{"reloads": 0, "asked_after": None, "untouched": True, "audit": (), **more})


def answered(promise: str, scenes: Mapping[str, Watched]) -> Answer:
    return watchdog(asked(promise, scenes, {}))


@pytest.mark.parametrize(
    ("promise", "seen"),
    [
        *((promise, undid()) for promise in (PINNED, ERRORS)),
        *((promise, spared()) for promise in (CANARY, MAINTENANCE, NOISE)),
        (HOPELESS, undid(audit=(UNDONE, GAVE_UP))),
        (HOPELESS, spared(audit=(GAVE_UP,))),
    ],
)
def test_what_did_right_kept_its_promise(promise: str, seen: Watched) -> None:
    answer = answered(promise, {promise: seen})
    assert answer.passed, answer.observed
    assert (answer.requests, answer.failed) == (560, 7)


@pytest.mark.parametrize(
    ("promise", "seen", "observed", "why"),
    [
        (PINNED, undid(asked_after=None), "requests later nothing was undone; 7 failed.", "jsonl says: rollback."),
        (PINNED, undid(asked_after=None, audit=()), "560 requests later nothing was undone", "wrote nothing."),
        (PINNED, undid(restored=False), "undone after 160 requests", "not the release before the last one."),
        (ERRORS, undid(restarted=True), "undone after 160 requests", "HAProxy was restarted"),
        (ERRORS, undid(reloads=3), "undone after 160 requests", "load a config 3 times: once was enough."),
        (PINNED, undid(asked_after=IN_TIME + 1), "undone after 401 requests", "That is late: 400 requests"),
        (PINNED, undid(**with_sample(HOT)), "undone after 160 requests", "not as it was before"),
        (ERRORS, undid(**with_sample(sample(1, app1=80, app2=80, app3=79))), "undone", "not as it was before"),
        (CANARY, undid(), "The watchdog undid it after 160 requests.", "Nobody was harmed"),
        (NOISE, undid(asked_after=0), "The watchdog undid it at once.", "Nobody was harmed"),
        (MAINTENANCE, spared(untouched=False), "The watchdog undid it at once.", "Nobody was harmed"),
        (
            NOISE,
            spared(ended_early=True, result=result(1, err="Traceback\n KeyError: 'app4'\n")),
            "The watchdog is gone: It ended with code 1",
            "It said last: Traceback KeyError: 'app4'",
        ),
        (HOPELESS, undid(reloads=4), "load a config 4 times", "the first one already showed that it does not help"),
        (HOPELESS, spared(), "load a config 0 times", "It neither tried nor said that it would not."),
        (HOPELESS, undid(restarted=True), "load a config once", "And it was restarted, not reloaded."),
    ],
)  # fmt: skip
def test_each_way_to_do_wrong_has_its_words(promise: str, seen: Watched, observed: str, why: str) -> None:
    answer = answered(promise, {promise: seen})
    assert not answer.passed
    assert observed in answer.observed
    assert why in answer.why


def test_a_log_has_every_rollback_and_says_when_it_gave_up() -> None:
    answer = answered("audit", {PINNED: undid(), HOPELESS: undid(audit=(UNDONE, GAVE_UP))})
    assert answer.passed, answer.observed


@pytest.mark.parametrize(
    ("pinned", "hopeless", "observed"),
    [
        ((), (GAVE_UP,), "There is no audit.jsonl after a rollback, or it is empty."),
        ((UNDONE,), (None, GAVE_UP), "A line of audit.jsonl is no JSON object."),
        ((UNDONE, UNDONE), (GAVE_UP,), 'Rollbacks seen: 1. Lines that say "action": "rollback": 2.'),
        (({**UNDONE, "why": "it was bad"},), (GAVE_UP,), 'The "why" of a rollback has no number in it.'),
        ((UNDONE,), (UNDONE,), 'no line says "action": "give-up".'),
        ((UNDONE, GAVE_UP), (UNDONE, GAVE_UP), 'Where going back helped, a line says "action": "give-up".'),
        ((UNDONE,), (UNDONE, {**GAVE_UP, "why": "no better"}), 'The "why" of a "give-up" has no number in it.'),
    ],
)
def test_a_log_that_leaves_something_out_is_told_what(pinned: Any, hopeless: Any, observed: str) -> None:
    answer = answered("audit", {PINNED: undid(audit=pinned), HOPELESS: undid(audit=hopeless)})
    assert not answer.passed
    assert observed in answer.observed
