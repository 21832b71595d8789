"""What is kept of a shift: the record that is handed in, and beside it what only the learner's desk needs to know.

The record, ``shift.jsonl``, has the actions and nothing else. That the learner left for a night, what was injected by
who leads an exercise, and how many requests failed meanwhile, is in the lab's own memory.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.labs.kinds.oncall_record import FILE, Action, UnreadableError, read_record
from autograder.notebook.growing import add_line
from autograder.notebook.logbook import MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MEMORY = f"{MEMORY}/shift.jsonl"


@dataclass(frozen=True)
class Aside:
    """What is no action, ``at_s`` story seconds: the shift was ``left``, it ``ended``, somebody ``wrote``."""

    at_s: float
    kind: str
    words: Mapping[str, Any] = field(default_factory=dict)


class Record:
    """The record of a shift in a lab's folder. Survives the kernel; lines are added and never changed.

    ``actions`` and ``asides`` are what it has, in order. ``trouble`` says why what was there cannot be read (empty: it
    can); then nothing is added to it.
    """

    def __init__(self, folder: Path) -> None:
        self.path, self._aside = folder / FILE, folder / _MEMORY
        self.actions: tuple[Action, ...] = ()
        self.asides: tuple[Aside, ...] = ()
        self.trouble = ""
        self._drop_stump()
        try:
            self.actions = read_record(_bytes(self.path))
        except UnreadableError as error:
            self.trouble = str(error)
        self.asides = tuple(_asides(_bytes(self._aside).decode(errors="replace")))

    def write(self, action: Action) -> None:
        """Add an action."""
        add_line(self.path, action.line().encode())
        self.actions = (*self.actions, action)

    def note(self, aside: Aside) -> None:
        """Add what is no action."""
        self._aside.parent.mkdir(exist_ok=True)
        add_line(self._aside, json.dumps({"at": aside.at_s, "kind": aside.kind, "words": dict(aside.words)}).encode())
        self.asides = (*self.asides, aside)

    def put_away(self) -> None:
        """Begin an empty record; the one that is there is kept as ``shift-1.jsonl``, or the next free name."""
        self._aside.unlink(missing_ok=True)
        self.actions, self.asides, self.trouble = (), (), ""
        if _bytes(self.path):
            names = (self.path.with_name(f"{self.path.stem}-{number}.jsonl") for number in range(1, 10_000))
            self.path.rename(next(name for name in names if not name.exists()))
            self.path.touch()

    def _drop_stump(self) -> None:
        """A line that was cut off when the kernel was killed would make all of the record unreadable."""
        content = _bytes(self.path)
        if content and not content.endswith(b"\n"):
            self.path.write_bytes(content[: content.rfind(b"\n") + 1])


def events_in(path: Path, after: int) -> list[dict[str, str]]:
    """An instructor's events: the lines of the file at ``path`` behind the first ``after``; none if it is not there."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    whole = text[: text.rfind("\n") + 1]  # the last line may still be on its way
    return [{str(name): str(word) for name, word in row.items()} for row in _rows(whole)][after:]


def _rows(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            row = json.loads(line)
            if isinstance(row, dict):
                yield row


def _asides(text: str) -> Iterator[Aside]:
    for row in _rows(text):
        with contextlib.suppress(ValueError, TypeError, LookupError):
            yield Aside(float(row["at"]), str(row["kind"]), dict(row["words"]))


def _bytes(path: Path) -> bytes:
    """What a file has; nothing where it is not there."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
