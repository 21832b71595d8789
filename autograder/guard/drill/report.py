"""A drill for people: lines on a terminal, and a report in Markdown to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autograder.guard.drill.durations import in_words
from autograder.guard.formats import code, plain
from autograder.inspect.config import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.guard.drill.result import Drill, StepDone

_OUTCOMES: Final = {
    "done": "done",
    "failed": "failed",
    "too-long": "took too long",
    "by-a-person": "a person, as declared",
    "not-reached": "not reached",
}
_BROKE: Final = {"rollback": "the bad version is loaded", "restore": "the balancer's processes and files are gone"}
_SHOWN: Final = 6


def text(drill: Drill) -> Iterator[str]:
    """The drill, line by line, safe to print whatever the runbook wrote."""
    return map(printable, _text(drill))


def _text(drill: Drill) -> Iterator[str]:
    yield f"{drill.config}  {drill.kind} drill with {drill.runbook}: {_passed(drill)}"
    yield ""
    yield f"    0.0 s  {_BROKE[drill.kind]}"
    yield f"  {drill.noticed_s:5.1f} s  it shows: {drill.noticed}"
    for number, step in enumerate(drill.steps, 1):
        took = "" if step.outcome == "not-reached" else f", {in_words(step.seconds)}"
        yield f"  {step.began_s:5.1f} s  step {number}: {step.name} ({_OUTCOMES[step.outcome]}{took})"
        if not step.fine and step.said:
            yield from (f"           {line}" for line in step.said.splitlines()[-3:])
    if drill.machine_s is not None:
        yield f"  {drill.machine_s:5.1f} s  users are served as before"
    yield ""
    for name, value in _numbers(drill):
        yield f"  {name:<14}{value}"
    for finding in drill.findings:
        yield f"  {'not well':<14}{finding}"
    for note in drill.notes[:_SHOWN]:
        yield f"  {'note':<14}{note}"


def markdown(drill: Drill) -> str:
    """The drill as GitHub-flavoured Markdown."""
    return "\n".join(_markdown(drill)) + "\n"


def _markdown(drill: Drill) -> Iterator[str]:
    yield f"# {drill.kind.capitalize()} drill: {_passed(drill)}"
    yield ""
    yield f"Config {code(drill.config)} ({drill.proxy}), runbook {code(drill.runbook)}."
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    for name, value in _numbers(drill):
        yield f"| {name} | {plain(value)} |"
    yield ""
    yield "| After | What | Took | Outcome |"
    yield "| ---: | --- | ---: | --- |"
    yield f"| 0.0 s | {_BROKE[drill.kind]} | | |"
    yield f"| {in_words(drill.noticed_s)} | it shows: {plain(drill.noticed)} | | |"
    for step in drill.steps:
        yield f"| {in_words(step.began_s)} | {plain(step.name)} | {_took(step)} | {_OUTCOMES[step.outcome]} |"
    if drill.machine_s is not None:
        yield f"| {in_words(drill.machine_s)} | users are served as before | | |"
    if drill.findings:
        yield ""
        yield "## What is not as it should be"
        yield ""
        yield from (f"- {plain(finding)}" for finding in drill.findings)
    for step in drill.steps:
        if step.said and not step.fine:
            yield ""
            yield f"{plain(step.name)} wrote last:"
            yield ""
            yield from (f"    {printable(line)}" for line in step.said.splitlines())
    yield ""
    yield "## What this says, and what not"
    yield ""
    yield (
        f"- Users came at {drill.rate:g} requests a second all the time. The clock stops where a stretch of their "
        f"requests begins that is as well as before, to {drill.slice_s:g} s."
    )
    yield "- Commands ran on a twin, in a sandbox. What people do was not timed: it is as the runbook declares it."
    yield from (f"- {plain(note)}" for note in drill.notes)


def _numbers(drill: Drill) -> Iterator[tuple[str, str]]:
    if drill.rto_s is None:
        yield "recovery time", f"users were never served as before{_promised(drill.targets.rto_s)}"
    else:
        people = f", of them {in_words(drill.people_s)} of people's time" if drill.people_s else ""
        yield "recovery time", f"{in_words(drill.rto_s)}{people}{_promised(drill.targets.rto_s)}"
    if drill.age_s is not None:
        yield "restored from", f"{drill.saved}, {in_words(drill.age_s)} before the loss"
        lost = f"{in_words(drill.rpo_s)} of changes: {_listed(drill.lost)}" if drill.lost else "nothing"
        yield "changes lost", f"{lost}{_promised(drill.targets.rpo_s)}"
    part = f" ({drill.requests_lost / drill.requests:.1%})" if drill.requests else ""
    yield "requests lost", f"{drill.requests_lost} of {drill.requests}{part} from the break to the end of the drill"


def _passed(drill: Drill) -> str:
    return "not passed" if drill.findings else "passed"


def _promised(target: float | None) -> str:
    return "" if target is None else f" (the promise: {in_words(target)})"


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _took(step: StepDone) -> str:
    return "" if step.outcome == "not-reached" else in_words(step.seconds)
