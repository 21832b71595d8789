"""Standing between a change and production, and taking it back."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from autograder.verbs.verb import Json, say, show, verb

if TYPE_CHECKING:
    from autograder.guard.desk import Desk
    from autograder.guard.guardian import Guard, Outcome
    from autograder.guard.planning import Plan
    from autograder.guard.settings import Settings

Action = Literal["check", "apply", "watch", "status", "ack", "resume", "log", "verify-log"]


@verb
def guard(
    action: Annotated[Action, Parameter(help="What to do.")],
    revision: Annotated[str, Parameter(help="For apply: a git revision; else the branch of guard.toml.")] = "",
    /,
    *,
    settings: Annotated[Path, Parameter(help="The file that says what is guarded, and how.")] = Path("guard.toml"),
    approvals: Annotated[int, Parameter(help="For apply: how many people have approved of the change.")] = 1,
    by: Annotated[str, Parameter(show_default=False, help="For ack: who has looked.")] = "",
    decide: Annotated[
        Literal["keep", "revert"] | None,
        Parameter(show_default=False, help="For ack: what becomes of a change that the guard was not sure of."),
    ] = None,
    dry_run: Annotated[bool, Parameter(negative="", help="For apply: tell what would be done, only.")] = False,
    read_only: Annotated[bool, Parameter(negative="", help="For watch: watch and tell, and change nothing.")] = False,
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Put a config change on your balancers step by step, watch the traffic, and take it back by itself if that is ill.

    A change is checked by the balancer itself, inspected on a twin, put on one balancer, watched, put on the others,
    watched, and kept. If shares, errors, latency, queues or lost servers say so, the last good version is installed
    again, a commit that says why takes the change back in git, and nothing more goes in until a person has looked.

    check tries every balancer. apply takes in one version. watch goes on: it takes in every new commit of the branch.
    status, log and verify-log tell what was done. ack says that a person has looked. resume finishes what a guard left
    that was killed; apply and watch do that, too. Exit code 0 when the change is in and well, 1 when it is not in, 2
    when nobody could tell or a person must look at once.

    Examples:
      ./manyhands guard check --settings /etc/manyhands/guard.toml
      ./manyhands guard apply main --dry-run
      ./manyhands guard apply 9e77d01 --approvals 2
      ./manyhands guard watch
      ./manyhands guard ack --by mira
      ./manyhands guard log --json
    """
    from autograder.guard.settings import load_settings

    given = load_settings(settings)
    if action in ("status", "log", "verify-log"):
        return _tell(action, given, as_json=json_)
    from autograder.guard.desk import Desk
    from autograder.guard.reaching import balancers_of

    if action == "check" or dry_run:
        return _plan(Desk(given, balancers_of(given)), revision if dry_run else "", approvals, as_json=json_)
    return _do(action, given, revision, approvals, by, decide or "", read_only=read_only, as_json=json_)


def _plan(desk: Desk, revision: str, approvals: int, *, as_json: bool) -> int:
    from autograder.guard.guardian import good_of
    from autograder.guard.planning import check, plan

    found: Plan = plan(desk, revision, good_of(desk), approvals) if revision else check(desk)
    if as_json:
        show(json.dumps({"well": found.well, "said": list(found.lines), **found.data}, indent=2))
    else:
        for line in found.lines:
            show(line)
    return 0 if found.well else 1 if revision else 2


def _do(
    action: str, given: Settings, revision: str, approvals: int, by: str, decide: str, *, read_only: bool, as_json: bool
) -> int:
    from autograder.errors import ManyHandsError
    from autograder.guard.guardian import Guard
    from autograder.guard.reaching import balancers_of, hooks_of

    if action == "ack" and not by.strip():
        raise ManyHandsError("who has looked?", remedy="./manyhands guard ack --by NAME")
    hooks = hooks_of(given)
    tell = say if sys.stderr.isatty() or action == "watch" else None
    try:
        with Guard(given, balancers_of(given), hooks, tell) as one:
            if action == "watch":
                return _watch(one, read_only=read_only)
            if action == "apply":
                outcome: Outcome | None = one.apply(revision or given.git.branch, approvals)
            elif action == "ack":
                outcome = one.acknowledge(by, decide)
            else:
                outcome = one.resume()
    finally:
        for hook in hooks:
            hook.close()
    if outcome is None:
        done = {"ack": "changes may go in again"}.get(action, "nothing was left to finish")
        show(json.dumps({"outcome": "none", "said": done}) if as_json else done)
        return 0
    if as_json:
        show(json.dumps({"outcome": outcome.kind, "change": outcome.change, "said": outcome.said}))
    else:
        show(f"{outcome.change[:10]} {outcome.kind}{f': {outcome.said}' if outcome.said else ''}")
    return outcome.exit_code


def _watch(one: Guard, *, read_only: bool) -> int:
    from autograder.guard.standing import stand

    ended: list[int] = []

    def end(number: int, _: object) -> None:
        ended.append(number)
        # A change that goes in may wait for the next guard, which takes it up; one that is taken back may not.
        if one.desk.state.change is None or not one.desk.state.change.reverting:
            raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    stand(one, lambda: bool(ended), read_only=read_only)
    return 0


def _tell(action: str, given: Settings, *, as_json: bool) -> int:
    from autograder.guard.audit import AuditLog
    from autograder.guard.state import StateFile

    log = AuditLog(given.state)
    if action == "verify-log":
        wrong = log.verify()
        show(
            json.dumps({"well": not wrong, "said": list(wrong)}) if as_json else wrong[0] if wrong else "well: unbroken"
        )
        return 1 if wrong else 0
    if action == "log":
        for event in log.events():
            show(json.dumps(event.to_dict()) if as_json else f"{event.at[:19]}  {event.kind:<12}  {event.said}")
        return 0
    state = StateFile(given.state).read()
    if as_json:
        show(json.dumps(state.to_dict(), indent=2))
        return 1 if state.frozen else 0
    show(f"last known good  {state.good[:10] or 'not known yet'}")
    if state.change:
        phase = "done" if state.change.done else "begun"
        show(f"under way        {state.change.commit[:10]}, {state.change.step} {phase}")
    show(f"frozen           {state.frozen or 'no'}")
    return 1 if state.frozen else 0
