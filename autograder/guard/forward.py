"""The steps of a change that goes in: lint, inspection, a look before, canary, watch, the rest, watch, keep."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autograder.guard import looking
from autograder.guard.balancer import BalancerError, different
from autograder.guard.counts import Decision, Kind
from autograder.guard.past import meant
from autograder.guard.state import Step

if TYPE_CHECKING:
    from autograder.guard.balancer import Balancer
    from autograder.guard.desk import Desk
    from autograder.guard.review import Review

GO, REFUSED, ASK, BACK, HELD, KEPT = "go", "refused", "ask", "back", "held", "kept"
"""What a step comes to: the next one; nothing was touched, and it stays so; a second person; revert; hold; done."""


def lint(desk: Desk) -> tuple[str, str]:
    """What the balancers themselves say."""
    with desk.step(Step.LINT):
        faults = faults_of(desk, desk.change.commit)
    return (REFUSED, f"the balancer refuses it: {faults[0]}") if faults else (GO, "")


def faults_of(desk: Desk, commit: str) -> tuple[str, ...]:
    """What each balancer has against a version."""
    files = desk.files(commit)
    return tuple(f"{one.name}: {fault}" for one in desk.balancers for fault in one.check(files))


def inspect(desk: Desk) -> tuple[str, str]:
    """What a twin shows, and what the rules say of that."""
    if not desk.settings.inspect.run:
        return GO, ""
    with desk.step(Step.INSPECT):
        found = reviewed(desk, desk.change.commit, desk.change.approvals)
    said = "; ".join(reason.said for reason in found.reasons if reason.rule.consequence != "say")
    if found.outcome == "refuse":
        return REFUSED, said
    if found.outcome == "second-approver":
        return ASK, said
    if found.outcome == "not-judged":
        return ASK, said or "a twin of it could not be judged"
    return GO, said


def reviewed(desk: Desk, commit: str, approvals: int) -> Review:
    """The change, measured on twins of the last known good version and of the new one."""
    from autograder.guard.policy import DEFAULT, load_policy
    from autograder.guard.review import review
    from autograder.guard.version import open_version
    from autograder.inspect.inspection import Wishes

    look, git = desk.settings.inspect, desk.settings.git
    rules = load_policy(look.policy) if look.policy else DEFAULT
    wishes = Wishes(look.clients, look.states, capacity=desk.settings.intent.capacity)
    with (
        open_version(desk.state.good, (git.config,), git.repo) as old,
        open_version(commit, (git.config,), git.repo) as new,
    ):
        return review(old, new, wishes, rules, max(approvals, look.approvals))


def before(desk: Desk) -> tuple[str, str]:
    """How traffic is without it."""
    with desk.step(Step.BEFORE):
        whole, first = looking.before(desk)
        desk.change_to(before=whole, canary=first)
    return GO, ""


def canary(desk: Desk) -> tuple[str, str]:
    """The first balancer alone, if there are more."""
    if len(desk.balancers) < 2:
        return GO, ""
    return _load(desk, Step.CANARY, desk.balancers[:1])


def rest(desk: Desk) -> tuple[str, str]:
    """All the others, or the only one."""
    return _load(desk, Step.REST, desk.balancers)


def _load(desk: Desk, step: Step, balancers: tuple[Balancer, ...]) -> tuple[str, str]:
    new, old = desk.files(desk.change.commit), desk.files(desk.state.good)
    with desk.step(step):
        for balancer in balancers:
            try:
                if balancer.runs(new):
                    continue
                touched = dict.fromkeys((*desk.change.touched, balancer.name))
                desk.change_to(touched=tuple(touched))
                balancer.load(new, old.keys() - new.keys())
            except BalancerError as error:
                return BACK, f"{error.what}{f': {error.why}' if error.why else ''}"
    return GO, ""


def watch_canary(desk: Desk) -> tuple[str, str]:
    """The canary, with the others as its control."""
    if len(desk.balancers) < 2:
        return GO, ""
    return _watch(desk, Step.WATCH_CANARY)


def watch(desk: Desk) -> tuple[str, str]:
    """All of them."""
    return _watch(desk, Step.WATCH)


def _watch(desk: Desk, step: Step) -> tuple[str, str]:
    times, change = desk.settings.watch, desk.change
    at_canary = step is Step.WATCH_CANARY
    with desk.step(step):
        seconds, past = (times.canary_s, change.canary) if at_canary else (times.window_s, change.before)
        intent = meant(desk.intent(change.commit), desk.intent(desk.state.good))
        decision = looking.watch(desk, intent, past, seconds, at_canary)
        said = _said(decision)
        if decision.kind is Kind.REVERT:
            desk.tell("anomaly", said, data=dict(decision.numbers))
            return BACK, said
    return (GO, "") if decision.kind is Kind.KEEP else (HELD, said)


def _said(decision: Decision) -> str:
    return " ".join(decision.reasons) or "the traffic decided too little"


def keep(desk: Desk) -> tuple[str, str]:
    """It is the last known good from now on."""
    commit = desk.change.commit
    files = desk.files(commit)
    with desk.step(Step.KEEP):
        for balancer in desk.balancers:
            try:
                changed = different(balancer.installed(files), files)
            except BalancerError as error:
                return BACK, f"{balancer.name} cannot be asked what it has: {error.what}"
            if changed:
                return BACK, f"{balancer.name} has another {changed[0]} by now"
    desk.set(replace(desk.state, good=commit, change=None))
    desk.tell("kept", f"{commit[:10]} is the last known good version now", change=commit)
    return KEPT, ""


STEPS = {
    Step.LINT: lint,
    Step.INSPECT: inspect,
    Step.BEFORE: before,
    Step.CANARY: canary,
    Step.WATCH_CANARY: watch_canary,
    Step.REST: rest,
    Step.WATCH: watch,
    Step.KEEP: keep,
}
"""In this order."""
