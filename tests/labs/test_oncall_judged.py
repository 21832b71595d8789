"""What is said of a shift that was played: the words for each way to be on call less well than the best run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from autograder.labs.kinds.oncall import answered
from autograder.labs.kinds.oncall_play import Moment, Shift
from autograder.labs.kinds.oncall_record import Action
from autograder.labs.kinds.oncall_stage import Seen
from autograder.labs.kinds.oncall_world import Repository
from tests.labs.test_first_of_march import DEAD, WELL, best_on_paper, seen

if TYPE_CHECKING:
    from collections.abc import Callable

CAUSE = best_on_paper().world.cause.name
HALF = Seen({"lb1": WELL.doors["lb1"], "lb2": DEAD.doors["lb2"]}, ())


def without(*kinds: str) -> Callable[[Shift], Shift]:
    """Actions of these kinds were left out; a kind may be followed by what was looked at."""

    def left(one: Action) -> bool:
        return one.do not in kinds and f"{one.do} {one.words.get('at_what')}" not in kinds

    return lambda shift: replace(shift, actions=tuple(filter(left, shift.actions)))


def later(minutes: float, kind: str, what: str = "") -> Callable[[Shift], Shift]:
    """The first action of a kind came so many minutes after the pager."""

    def move(shift: Shift) -> Shift:
        found = next(one for one in shift.actions if one.do == kind and what in one.words.get("at_what", ""))
        moved = [replace(one, at_s=60 * minutes) if one is found else one for one in shift.actions]
        return replace(shift, actions=tuple(sorted(moved, key=lambda one: one.at_s)))

    return move


def ended(last: Seen, **more: object) -> Callable[[Shift], Shift]:
    """What users met in the end, and whatever else there is to be changed."""

    def change(shift: Shift) -> Shift:
        return replace(shift, moments=(*shift.moments[:-1], replace(shift.moments[-1], seen=last)), **more)

    return change


def in_git(config: Callable[[Shift], str], why: str = "in a hurry") -> Callable[[Shift], Shift]:
    """One more version, with another config, which both balancers run."""

    def change(shift: Shift) -> Shift:
        repository = shift.repository.committed(config(shift), why, 400.0)
        return replace(shift, repository=repository, loaded=(repository.config,) * 2)

    return change


def did(*kinds: str, seen_then: Seen = DEAD, refused: str = "") -> Callable[[Shift], Shift]:
    """Only these were done on machines, a minute after each other."""

    def change(shift: Shift) -> Shift:
        acts = [Action(60.0 * n, kind, {"server": "app1"}) for n, kind in enumerate(kinds, 1)]
        moments = (shift.moments[0], *(Moment(one.at_s, one, seen_then, refused) for one in acts))
        return replace(shift, actions=tuple(acts), moments=moments)

    return change


def as_it_was(shift: Shift) -> Shift:
    return replace(shift, repository=Repository(shift.world.history))


def forgotten(shift: Shift) -> Shift:
    return replace(shift, repository=shift.repository.reset(shift.world.history[-2].name))


def without_a_reason(shift: Shift) -> Shift:
    *before, made = shift.repository.commits
    return replace(shift, repository=Repository((*before, replace(made, message="Revert: 1"))))


def added(shift: Shift) -> Shift:
    """A machine more in git, and the bad change still there."""
    return replace(shift, repository=Repository(shift.world.history).committed(shift.world.last + "#", "more", 60.0))


def first_version(shift: Shift) -> str:
    return shift.world.history[0].after


@pytest.mark.parametrize(
    ("ask", "change", "mistake", "words"),
    [
        ("detect", without("look shares"), "never-looked-at-shares", "Nobody counted which server answers."),
        ("detect", later(16, "look", "shares"), "", "Shares were looked at 6 minutes after the pager"),
        ("detect", lambda s: later(40, "look", "shares")(without_second_look(s)), "looked-late", "40 minutes after"),
        ("detect", without(f"look change {CAUSE}", "revert"), "cause-not-found", "was never looked at, nor undone"),
        ("detect", lambda s: later(50, "look", "change")(without("revert")(s)), "looked-late", "found 50 minutes"),
        ("mitigate", ended(HALF), "one-of-two-balancers", "In the end 50% of the requests fail."),
        ("mitigate", lambda s: ended(DEAD)(without("revert")(s)), "symptom-for-cause", "100% of the requests fail"),
        ("mitigate", ended(DEAD, loaded=("old", "old")), "written-not-loaded", "100% of the requests fail"),
        ("mitigate", lambda s: ended(DEAD, loaded=("old", "old"))(added(s)), "not-mended", "100% of the requests fail"),
        ("mitigate", ended(DEAD), "not-mended", "100% of the requests fail"),
        ("mitigate", did("reload", refused="unknown keyword"), "not-mended", "100% of the requests fail"),
        ("mitigate", lambda s: slow(s), "mended-late", "Users were served 50 minutes after the pager."),
        ("only-the-bad", forgotten, "history-rewritten", "The history no longer has "),
        ("only-the-bad", as_it_was, "not-mended", "Nothing in the config was undone."),
        ("only-the-bad", in_git(lambda s: f"{s.world.last}\n  timeout queue 9s"), "not-mended", "is still in the"),
        ("only-the-bad", in_git(first_version), "good-changes-undone", "With the bad change went "),
        ("only-the-bad", in_git(lambda s: f"{s.world.wanted}\n  timeout queue 9s"), "left-behind", "it was: “timeout"),
        ("only-the-bad", ended(WELL, loaded=("", "")), "one-of-two-balancers", "Not every balancer runs what is"),
        ("only-the-bad", without_a_reason, "no-reason", "No commit says why."),
        ("verify", without("all-clear"), "never-all-clear", "Nobody said that it is over."),
        ("verify", later(5.5, "look", "shares"), "", "Counted "),
        ("verify", without("look shares"), "not-verified", "nobody counted who answers."),
        ("verify", ended(seen(0.0, app1=50, app2=50, app3=0, app4=0)), "left-down", "app3 and app4 answered nothing."),
        ("verify", ended(seen(0.0, app1=91, app2=3, app3=3, app4=3)), "not-mended", "app1 still has 91% of the"),
        ("verify", lambda s: once_more(s), "all-clear-too-early", "something was changed once more."),
        ("lost", lambda s: slow(s), "mended-late", "requests were lost; the best possible run loses "),
        ("needless", did(), "nothing-done", "Nothing was done on any machine."),
        ("needless", did("restart", "restart-balancer", "restart"), "restart-does-not-help", "3 actions on machines"),
        ("needless", did("bigger", "bigger", "bigger"), "added-machines", "3 actions on machines helped nobody"),
        ("needless", did("reload", "reload", refused="no"), "added-machines", "2 actions on machines helped nobody"),
        ("needless", did("restart"), "", "Every action on a machine changed something for users, but one."),
        ("needless", did("kill", "kill"), "", "Every action on a machine changed something for users."),
    ],
)  # fmt: skip
def test_what_was_less_than_the_best_is_told(
    ask: str, change: Callable[[Shift], Shift], mistake: str, words: str
) -> None:
    said = answered(change(best_on_paper()), ask, b"")
    assert words in said.observed
    assert (said.kept, said.mistake) == (not mistake, mistake)


def without_second_look(shift: Shift) -> Shift:
    looks = [one for one in shift.actions if one.do == "look" and one.words["at_what"] == "shares"]
    return replace(shift, actions=tuple(one for one in shift.actions if one not in looks[1:]))


def slow(shift: Shift) -> Shift:
    """All as in the best run, 46 minutes later."""
    moments = [replace(one, at_s=one.at_s + 46 * 60) for one in shift.moments[1:]]
    return replace(shift, moments=(shift.moments[0], *moments))


def once_more(shift: Shift) -> Shift:
    """After the last word somebody restarted a machine."""
    last = Action(3600.0, "restart", {"server": "app1"})
    return replace(shift, actions=(*shift.actions, last), moments=(*shift.moments, Moment(3600.0, last, WELL)))


def test_who_goes_back_to_an_older_version_has_found_the_cause_too() -> None:
    best = without("revert", f"look change {CAUSE}")(best_on_paper())
    back = Action(180.0, "go-back", {"commit": best.world.history[0].name, "why": "it was well then"})
    repository = Repository(best.world.history).gone_back(best.world.history[0].name, "it was well then", 180.0)
    shift = replace(best, actions=tuple(sorted((*best.actions, back), key=lambda one: one.at_s)), repository=repository)
    assert answered(shift, "detect", b"").kept


def test_a_config_that_a_balancer_refused_is_told_with_its_words() -> None:
    shift = did("reload", refused="unknown keyword 'blance'")(best_on_paper())
    assert answered(shift, "mitigate", b"").why == "At 10:06: unknown keyword 'blance'"
