"""Through which of a stack's balancers a check sends its traffic, and which lines can explain what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autograder.stack.model import Door

if TYPE_CHECKING:
    from autograder.labs.kinds.kind import Question
    from autograder.mistakes.finding import Finding
    from autograder.stack.model import Balancer

SETTING: Final = {"through": ""}
"""What a lab may write in a check's settings: the name of a balancer; the one that clients talk to when it is empty."""


def door(question: Question) -> Door | None:
    """Where this check's clients come in; None for the stack's own door."""
    chosen = _chosen(question)
    return Door(question.running.machines.address(chosen.name), chosen.port) if chosen else None


def findings(question: Question) -> tuple[Finding, ...]:
    """The findings in the config of the balancer that this check names; all of them when it names none."""
    chosen = _chosen(question)
    if chosen is None:
        return question.findings
    return tuple(one for one in question.findings if one.file.rpartition("/")[2] == chosen.config)


def _chosen(question: Question) -> Balancer | None:
    """The balancer that the lab names. ``KeyError`` if the stack has none of that name, which is the lab's mistake."""
    name = question.check.settings.get("through", "")
    by_name = {balancer.name: balancer for balancer in question.running.stack.balancers}
    return by_name[name] if name else None
