"""What would be done with a change, and whether the guard could do it; nothing is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.errors import ManyHandsError
from autograder.guard import forward
from autograder.guard.balancer import different, intent_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.guard.desk import Desk


@dataclass(frozen=True)
class Plan:
    """``lines`` are for people; ``well`` tells that nothing stands against it."""

    well: bool
    lines: tuple[str, ...]
    data: Mapping[str, Any] = field(default_factory=dict)


def plan(desk: Desk, revision: str, good: str, approvals: int = 1) -> Plan:
    """What ``apply`` would do: the balancers' own check and the inspection on twins are really made."""
    commit = desk.repository.commit(revision)
    changed = different(desk.files(good), desk.files(commit))
    head = f"{commit[:10]} {desk.repository.subject(commit)}"
    data: dict[str, Any] = {"change": commit, "good": good, "files": list(changed)}
    if not changed:
        return Plan(True, (head, "it changes no file of the config: nothing would be done"), data)
    lines = [head, f"changes {', '.join(changed)} against {good[:10]}"]
    if faults := forward.faults_of(desk, commit):
        return Plan(False, (*lines, *(f"would be refused: {fault}" for fault in faults)), data)
    lines.append("the balancers themselves accept it")
    if desk.settings.inspect.run:
        from dataclasses import replace

        desk.state = replace(desk.state, good=good)
        found = forward.reviewed(desk, commit, approvals)
        said = "; ".join(reason.said for reason in found.reasons if reason.rule.consequence != "say")
        lines.append(f"on twins: {found.outcome}, risk {found.risk}{f': {said}' if said else ''}")
        if found.outcome != "fine":
            return Plan(False, tuple(lines), data)
    watch, names = desk.settings.watch, [one.name for one in desk.balancers]
    lines.append(f"would look at traffic for {watch.before_s:g} s")
    if len(names) > 1:
        lines.append(f"would put it on {names[0]} and watch for {watch.canary_s:g} s beside {', '.join(names[1:])}")
    lines.append(f"would put it on {', '.join(names[1:] or names)} and watch for {watch.window_s:g} s")
    lines.append("would keep it if traffic stays well, else take it back and freeze")
    return Plan(True, tuple(lines), data)


def check(desk: Desk) -> Plan:
    """Try each balancer and the repository: can they be reached, and is what lies there known?"""
    lines: list[str] = []
    data: dict[str, Any] = {"balancers": {}}
    well = True
    commit = desk.state.good
    try:
        tip = desk.repository.tip()
        lines.append(f"{desk.settings.git.branch} is at {tip[:10]} {desk.repository.subject(tip)}")
        commit = commit or tip
        files = desk.files(commit)
    except ManyHandsError as error:
        return Plan(False, (_told(error),), data)
    for balancer in desk.balancers:
        try:
            faults = balancer.check(files)
            there = different(balancer.installed(files), files)
            window = balancer.counts()
            servers = balancer.expected(files)
        except ManyHandsError as error:
            well = False
            lines.append(f"{balancer.name}: {_told(error)}")
            continue
        fair = intent_of(servers, desk.settings.intent).fair
        known = {one.name for one in window.servers}
        said = [f"refuses {commit[:10]}: {faults[0]}"] if faults else []
        said += [f"its {there[0]} is another than that of {commit[:10]}"] if there else []
        said += ["its config names no server"] if not fair else []
        if balancer.proxy == "haproxy" and known and not fair.keys() & known:
            said.append(f"counts are of {', '.join(sorted(known)[:3])}, the config's servers are others")
        well = well and not said
        lines.append(f"{balancer.name}: {'; '.join(said) or f'well, {len(fair)} servers'}")
        data["balancers"][balancer.name] = {"well": not said, "said": said, "fair": dict(fair)}
    return Plan(well, tuple(lines), data)


def _told(error: ManyHandsError) -> str:
    return f"{error.what}{f' ({error.where})' if error.where else ''}{f': {error.why}' if error.why else ''}"
