"""Review a change before it is merged: measure both versions on twins, compare, and apply the team's policy.

>>> with open_version("main") as base, open_version("HEAD") as head:      # doctest: +SKIP
...     review(base, head, wishes).outcome
'refuse'
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from autograder.errors import ManyHandsError
from autograder.guard.change import Change, compare
from autograder.guard.policy import DEFAULT, Reason, reasons
from autograder.guard.version import content
from autograder.inspect.config import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.guard.policy import Rule
    from autograder.guard.version import Version
    from autograder.inspect.inspection import Wishes
    from autograder.inspect.report import Inspection

Outcome = Literal["fine", "second-approver", "refuse", "not-judged"]
Risk = Literal["none", "low", "medium", "high", "unknown"]
_RISKS: tuple[Risk, ...] = ("none", "low", "medium", "unknown", "high")
"""From least to worst: not to know is worse than to see a change of moderate size."""


@dataclass(frozen=True)
class Review:
    """A reviewed change. ``same`` are the configs whose files are the same in both versions: nothing was measured."""

    base: str
    head: str
    changes: tuple[Change, ...]
    same: tuple[str, ...]
    reasons: tuple[Reason, ...]
    approvals: int = 1

    @property
    def risk(self) -> Risk:
        """How much the change does to traffic, the worst of its configs. The reasons say why."""
        return max((_risk(change, self.reasons) for change in self.changes), key=_RISKS.index, default="none")

    @property
    def outcome(self) -> Outcome:
        """What the policy says of it, given how many people approved."""
        said = {reason.rule.consequence for reason in self.reasons}
        if "refuse" in said:
            return "refuse"
        if "second-approver" in said and self.approvals < 2:
            return "second-approver"
        if any(change.after is not None and change.after.trouble for change in self.changes):
            return "not-judged"
        return "fine"

    @property
    def exit_code(self) -> int:
        """0 it may go in, 1 the policy stops it, 2 a config could not be judged at all."""
        return {"fine": 0, "not-judged": 2}.get(self.outcome, 1)

    def to_dict(self) -> dict[str, Any]:
        """The object that ``review --json`` prints."""
        return {
            "base": self.base,
            "head": self.head,
            "outcome": self.outcome,
            "risk": self.risk,
            "reasons": [reason.to_dict() for reason in self.reasons],
            "changes": [change.to_dict() for change in self.changes],
            "unchanged": list(self.same),
        }


def review(
    base: Version,
    head: Version,
    wishes: Wishes,
    rules: tuple[Rule, ...] = DEFAULT,
    approvals: int = 1,
    say: Callable[[str], None] | None = None,
) -> Review:
    """Measure what changed between two versions.

    Only configs whose folders differ are measured, each on twins of both versions under all that ``wishes`` ask for.
    A config that cannot be inspected is a part of the result. Raises :class:`ManyHandsError` if neither version has
    a config.
    """
    pairs = _pairs(base, head)
    if not pairs:
        raise ManyHandsError(
            "neither version has an nginx.conf or a haproxy.cfg",
            where=f"{base.name}, {head.name}",
            remedy="name the main config with --config, relative to the folder or to the top of the repository",
        )
    different = {name: pair for name, pair in pairs.items() if not _same(*pair)}
    inspected = _inspected([one for pair in different.values() for one in pair if one], wishes, say)
    changes = tuple(
        compare(name, _called(name, inspected.get(old or "")), _called(name, inspected.get(new or "")))
        for name, (old, new) in different.items()
    )
    said = tuple(reason for change in changes for reason in reasons(change, rules))
    same = tuple(name for name in pairs if name not in different)
    return Review(base.name, head.name, changes, same, said, approvals)


def _pairs(base: Version, head: Version) -> dict[str, tuple[str | None, str | None]]:
    """Each config's file in both versions. Two single files are a pair, whatever they are called."""
    old = {name: str(path) for name, path in base.configs.items()}
    new = {name: str(path) for name, path in head.configs.items()}
    if len(old) == len(new) == 1 and not old.keys() & new.keys():
        return {next(iter(new)): (next(iter(old.values())), next(iter(new.values())))}
    return {name: (old.get(name), new.get(name)) for name in sorted(old.keys() | new.keys())}


def _same(old: str | None, new: str | None) -> bool:
    return old is not None and new is not None and content(Path(old)) == content(Path(new))


def _inspected(files: list[str], wishes: Wishes, say: Callable[[str], None] | None) -> dict[str, Inspection]:
    if not files:
        return {}
    from autograder.inspect.several import inspect_all

    return dict(zip(files, inspect_all(files, Reader(), wishes, say), strict=True))


def _called(name: str, found: Inspection | None) -> Inspection | None:
    """By the name that people know, where a revision lay in a temporary folder."""
    return None if found is None else replace(found, config=name)


def _risk(change: Change, said: tuple[Reason, ...]) -> Risk:
    mine = {reason.rule.consequence for reason in said if reason.config == change.config}
    if "refuse" in mine:
        return "high"
    if not change.judged:
        return "unknown"
    if "second-approver" in mine:
        return "medium"
    quiet = not (change.moves or change.failures or change.added or change.removed or change.came)
    return "none" if quiet and change.before and change.after else "low"
