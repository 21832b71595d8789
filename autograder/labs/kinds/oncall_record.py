"""The record of a shift, ``shift.jsonl``: one action a line, with the second of the story at which it was done.

A record comes from a stranger. It is bounded, read in plain steps, and nothing in it is believed but that these
actions are to be tried, in this order.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from autograder.labs.kinds.oncall_world import LAST_S

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final = "shift.jsonl"
LARGEST: Final = 512 * 1024
MOST: Final = 400
"""Actions that a record may have."""
MOST_CHANGES: Final = 24
"""Of these, as many as may change a machine."""
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "begin": ("world",),
    "look": ("at_what",),
    "revert": ("commit", "why"),
    "go-back": ("commit", "why"),
    "reset": ("commit",),
    "commit": ("config", "why"),
    "reload": ("balancer",),
    "restart": ("server",),
    "restart-balancer": ("balancer",),
    "bigger": ("server",),
    "add-server": ("server",),
    "kill": ("server",),
    "escalate": (),
    "tell": ("text",),
    "all-clear": ("text",),
}
"""What can be done → the words that come with it."""
LOOKS: Final = ("shares", "errors", "logs", "history", "change")
"""What can be looked at; ``change`` and ``logs`` are followed by whose."""
ON_MACHINES: Final = ("reload", "restart", "restart-balancer", "bigger", "kill")
"""Actions after which traffic may go another way."""
IN_HISTORY: Final = ("revert", "go-back", "reset", "commit", "add-server")
"""Actions on the file in git, which nobody feels until a balancer loads it."""
_LONGEST: Final = 4000
_LONGEST_CONFIG: Final = 64 * 1024


class UnreadableError(Exception):
    """A record that cannot be read; the message is for the learner."""


@dataclass(frozen=True)
class Action:
    """One action, ``at_s`` seconds after the pager, with its words (:data:`WORDS`)."""

    at_s: float
    do: str
    words: Mapping[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """A line of the record."""
        return json.dumps({"at": self.at_s, "do": self.do, **self.words}, ensure_ascii=False)

    def said(self) -> str:
        """The action in words."""
        if self.do == "commit":
            return f"commit: {self.words['why']}"
        return " ".join([self.do, *self.words.values()])


def read_record(data: bytes) -> tuple[Action, ...]:
    """The actions in order. Raises :class:`UnreadableError`."""
    if len(data) > LARGEST:
        raise UnreadableError(f"it is larger than {LARGEST // 1024} KiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8 text") from None
    found: list[Action] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        action = _action(number, line)
        if found and action.at_s < found[-1].at_s:
            raise UnreadableError(f"line {number} is earlier than the line before it")
        found.append(action)
        if len(found) > MOST:
            raise UnreadableError(f"it has more than {MOST} actions")
    if sum(action.do in ON_MACHINES for action in found) > MOST_CHANGES:
        raise UnreadableError(f"more than {MOST_CHANGES} actions change a machine")
    return tuple(found)


def _action(number: int, line: str) -> Action:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise UnreadableError(f"line {number} is no JSON object") from None
    if not isinstance(row, dict) or not isinstance(row.get("do"), str) or row["do"] not in WORDS:
        raise UnreadableError(f"line {number} says nothing that can be done")
    at_s = row.get("at")
    if isinstance(at_s, bool) or not isinstance(at_s, int | float):
        raise UnreadableError(f"line {number} has no time")
    if not 0 <= at_s <= LAST_S:
        raise UnreadableError(f"line {number} is not within the {LAST_S / 60:g} minutes of the shift")
    words = {}
    for name in WORDS[row["do"]]:
        value = row.get(name)
        if not isinstance(value, str) or re.search("[\0\ud800-\udfff]", value):
            raise UnreadableError(f"line {number} has no text {name!r}")
        if len(value) > (_LONGEST_CONFIG if name == "config" else _LONGEST):
            raise UnreadableError(f"line {number} has a text that is too long")
        words[name] = value
    return Action(float(at_s), row["do"], words)
