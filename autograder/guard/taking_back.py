"""The steps of a change that is taken back: the good version runs again, verified; then nothing until a person says so.

Restoring comes first, and nothing can stop it: what fails on the way is told, and the next step is done.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.guard import looking
from autograder.guard.counts import Kind
from autograder.guard.state import Step

if TYPE_CHECKING:
    from autograder.guard.balancer import Balancer
    from autograder.guard.desk import Desk

_TRIES = 3


def _touched(desk: Desk) -> tuple[Balancer, ...]:
    return tuple(one for one in desk.balancers if one.name in desk.change.touched)


def _load_good(desk: Desk, balancer: Balancer, tries: int = _TRIES) -> str:
    """Have it run the good version; why it does not, in the end."""
    good, bad = desk.files(desk.state.good), desk.files(desk.change.commit)
    why = ""
    for _ in range(tries):
        try:
            balancer.load(good, bad.keys() - good.keys())
            if balancer.runs(good):
                return ""
            why = f"{balancer.name} runs something else"
        except ManyHandsError as error:
            why = f"{error.what}{f': {error.why}' if error.why else ''}"
    return why


def restore(desk: Desk) -> None:
    """The good version, wherever the bad one may be."""
    with desk.step(Step.RESTORE):
        for balancer in _touched(desk):
            if why := _load_good(desk, balancer):
                desk.tell("alert", f"{balancer.name} does not run {desk.state.good[:10]} yet: {why}")


def clear(desk: Desk) -> None:
    """What outlives a reload and keeps users where they are."""
    with desk.step(Step.CLEAR):
        if not desk.settings.revert.clear_sticky:
            return
        for balancer in _touched(desk):
            try:
                emptied = balancer.clear()
            except ManyHandsError as error:
                desk.tell("alert", f"{balancer.name}: its sticky tables could not be emptied: {error.what}")
                continue
            if emptied:
                desk.tell("step", f"emptied: {', '.join(emptied)}", data={"phase": "emptied"})


def commit(desk: Desk) -> None:
    """Say in git what was done, and why."""
    change = desk.change
    why = f"The guard took this change back and restored {desk.state.good[:10]}.\n\n{change.why}"
    with desk.step(Step.COMMIT):
        try:
            done = desk.repository.revert(change.commit, desk.state.good, why)
        except ManyHandsError as error:
            desk.tell(
                "alert", f"the revert is not in git: {error.what}: {error.why}; what runs is restored all the same"
            )
            return
        if done.moved:
            desk.tell("step", f"revert commit {done.commit[:10]}", data={"phase": "commit", "commit": done.commit})
        else:
            desk.tell("alert", f"the branch has no revert yet: {done.why}", data={"commit": done.commit})


def verify(desk: Desk) -> None:
    """Whether what runs is the good version, read from what runs."""
    good = desk.files(desk.state.good)
    failed = []
    with desk.step(Step.VERIFY):
        for balancer in _touched(desk):
            try:
                if balancer.runs(good):
                    continue
            except ManyHandsError:
                pass
            if why := _load_good(desk, balancer, tries=1):
                failed.append(f"{balancer.name}: {why}")
        if failed:
            desk.change_to(ended="not-restored")
            desk.tell("alert", f"not restored: {'; '.join(failed)}")


def recover(desk: Desk) -> None:
    """Whether traffic is well again."""
    with desk.step(Step.RECOVER):
        if desk.change.ended == "not-restored":
            return
        decision = looking.recovered(desk, desk.intent(desk.state.good), desk.change.before)
        ended = {Kind.KEEP: "recovered", Kind.REVERT: "good-is-bad"}.get(decision.kind, "unsure")
        desk.change_to(ended=ended)
        said = " ".join(decision.reasons)
        if ended == "good-is-bad":
            desk.tell("good-is-bad", f"the anomaly stays with {desk.state.good[:10]}, so it is not the change: {said}")
        elif ended == "unsure":
            desk.tell("alert", f"restored, but there is too little traffic to see that it is well: {said}")


def freeze(desk: Desk) -> str:
    """Nothing more is applied until a person says so. How the revert ended: ``recovered`` is well."""
    change, good = desk.change, desk.state.good
    with desk.step(Step.FREEZE):
        pass
    ended = change.ended
    said = {
        "recovered": f"{change.commit[:10]} was taken back, {good[:10]} runs again, and traffic has recovered",
        "good-is-bad": f"{change.commit[:10]} was taken back, and the trouble stays with {good[:10]}",
        "not-restored": f"{change.commit[:10]} could not be taken back everywhere: a person must look at once",
    }.get(ended, f"{change.commit[:10]} was taken back, {good[:10]} runs again")
    frozen = f"{said}. {change.why}"
    stopped = {**desk.state.stopped, change.commit: f"taken back: {change.why}"}
    desk.set(replace(desk.state, change=None, frozen=frozen, stopped=stopped))
    if ended != "not-restored":
        desk.tell("reverted", f"{said}. {change.why}", change=change.commit, data={"ended": ended, "good": good})
    desk.tell("frozen", "nothing more is applied until a person acknowledges: guard ack", change=change.commit)
    return ended


STEPS = {
    Step.RESTORE: restore,
    Step.CLEAR: clear,
    Step.COMMIT: commit,
    Step.VERIFY: verify,
    Step.RECOVER: recover,
    Step.FREEZE: freeze,
}
"""In this order."""
