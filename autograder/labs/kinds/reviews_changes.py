"""Proposed changes of a lab: a diff each, what was said with it, and what a careful reviewer would do.

``changes.toml`` in the lab's folder has a table for each folder of changes, and in it one for each change:

    ["start/changes".02-warm-caches]
    right = "reject"                  # or approve, or ask
    reason = "one-server"             # one of the words that the lab offers

The diff itself is ``start/changes/02-warm-caches.diff``: words of its author, then a unified diff of the config.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from autograder.labs.lab import Lab

DECISIONS: Final = ("approve", "reject", "ask")
REASONS: Final = ("harmless", "one-server", "one-office", "dead-server-shows", "until-when")
CONFIG: Final = "conf/"
_HUNK: Final = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")


class ChangeError(ManyHandsError):
    """A lab's change that cannot be used: the lab's own fault."""


@dataclass(frozen=True)
class Change:
    """One proposed change: ``files`` is the config folder as it would be."""

    name: str
    right: str
    reason: str
    files: Mapping[str, bytes]


def changes_of(lab: Lab, folder: str) -> tuple[Change, ...]:
    """The changes in one folder of a lab, in the order of their names. Raises :class:`ChangeError`."""
    base = {name.removeprefix(CONFIG): data for name, data in lab.read(lab.start).items() if name.startswith(CONFIG)}
    path = lab.folder / "changes.toml"
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))[folder]
    except (OSError, ValueError, KeyError) as error:
        raise ChangeError("these changes cannot be read", where=str(path), why=str(error)) from error
    found = []
    for name, row in sorted(rows.items()):
        if row.get("right") not in DECISIONS or row.get("reason") not in REASONS:
            raise ChangeError(f"{name} has no right, or no reason", where=str(path), remedy="see the others")
        diff = lab.rewriting.file((lab.folder / folder / f"{name}.diff").read_bytes())
        main = lab.stack.balancer.config
        text = patched(base[main].decode(), diff.decode(), f"{folder}/{name}.diff")
        found.append(Change(name, row["right"], row["reason"], {**base, main: text.encode()}))
    return tuple(found)


def patched(text: str, diff: str, where: str) -> str:
    r"""``text`` with a unified diff applied, where every line it mentions must be as it says.

    Raises :class:`ChangeError` for a diff that does not fit.

    >>> patched("a\nb\n", "Words.\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n", "x.diff")
    'a\nc\n'
    """
    lines = text.splitlines()
    made: list[str] = []
    place = 0
    inside = False
    for line in diff.splitlines():
        if hunk := _HUNK.match(line):
            inside = True
            begins = int(hunk.group(1)) - 1
            made += lines[place:begins]
            place = begins
        elif inside and line[:1] == "+":
            made.append(line[1:])
        elif inside:
            if place >= len(lines) or lines[place] != line[1:]:
                raise ChangeError("this diff does not fit the config", where=f"{where}: {line}")
            if not line.startswith("-"):
                made.append(lines[place])
            place += 1
    if not inside:
        raise ChangeError("there is no diff in it", where=where)
    return "\n".join([*made, *lines[place:], ""])


def named(names: Sequence[str]) -> str:
    """``a, b and c``; what is more than three is counted."""
    shown, more = list(names[:3]), len(names) - 3
    if more > 0:
        shown.append(f"{more} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
