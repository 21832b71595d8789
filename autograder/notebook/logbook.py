"""What a lab remembers on disk: attempts, hints, predictions and what was done, in the learner's own folder.

Nothing here is lost by a kernel that is killed while it writes: answers are exchanged whole, the history grows by
lines, and a file that cannot be read is set aside under another name.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.notebook.growing import add_line

ANSWERS = "answers.json"
MEMORY = ".lab"
_HISTORY = f"{MEMORY}/history.jsonl"


@dataclass(frozen=True)
class Entry:
    """One thing that was done: when (ISO 8601, UTC), what, and what came of it."""

    time: str
    what: str
    result: str
    details: dict[str, Any]

    def __str__(self) -> str:
        """A line of a log, with the time of day here."""
        try:
            when = f"{datetime.fromisoformat(self.time).astimezone():%H:%M:%S}"
        except ValueError:
            when = self.time
        return f"{when} {self.what}: {self.result}"


class Logbook:
    """The memory of one lab folder. Survives the kernel, the browser and the machine's sleep."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read_of: tuple[tuple[int, int], tuple[Entry, ...]] = ((0, 0), ())

    def write(self, what: str, result: str, **details: Any) -> None:
        """Add an entry at the end of the history."""
        path = self.folder / _HISTORY
        path.parent.mkdir(exist_ok=True)
        row = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "what": what, "result": result}
        add_line(path, json.dumps({**row, "details": details}).encode())

    def entries(self) -> tuple[Entry, ...]:
        """Everything that was done, oldest first; a line that cannot be read is left out."""
        path = self.folder / _HISTORY
        try:
            there = path.stat()
        except OSError:
            return ()
        state = (there.st_mtime_ns, there.st_size)
        if state != self._read_of[0]:
            found = []
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                with contextlib.suppress(ValueError, TypeError, RecursionError):
                    found.append(Entry(**json.loads(line)))
            self._read_of = (state, tuple(found))
        return self._read_of[1]

    def attempts(self, check: str) -> int:
        """How often a check was tried and not passed since it last passed."""
        count = 0
        for entry in self.entries():
            if entry.what == f"check {check}":
                count = 0 if entry.result == "passed" else count + 1
        return count

    def hints_seen(self, check: str) -> int:
        """How many hints for a check were shown since it last passed: one with each failure, and those asked for."""
        count = 0
        for entry in self.entries():
            if entry.what == f"check {check}":
                count = 0 if entry.result == "passed" else count + 1
            elif entry.what == f"hint {check}":
                count += 1
        return count

    def last_verdict(self, check: str) -> Entry | None:
        """What became of a check when it was last tried."""
        return next((entry for entry in reversed(self.entries()) if entry.what == f"check {check}"), None)

    def predictions(self) -> dict[str, Any]:
        """What the learner predicted, as in ``answers.json``; empty if there is none or it cannot be read."""
        return self._read() or {}

    def predict(self, question: str, answer: Any) -> str:
        """Save one answer; the others stay. Written whole or not at all.

        Returns a word about a file that could not be read and was set aside; empty if all was well.
        """
        answers = self._read()
        aside = self._set_aside() if answers is None else ""
        (self.folder / MEMORY).mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder / MEMORY, delete=False, encoding="utf-8") as file:
            json.dump({**(answers or {}), question: answer}, file, indent=2)
            file.write("\n")
        Path(file.name).chmod(0o644)
        Path(file.name).replace(self.folder / ANSWERS)
        return aside

    def _read(self) -> dict[str, Any] | None:
        """The answers; None if there is something that is no answers."""
        try:
            data = json.loads((self.folder / ANSWERS).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            return None
        return data if isinstance(data, dict) else None

    def _set_aside(self) -> str:
        names = (f"{ANSWERS}.broken{number or ''}" for number in range(1000))
        free = next((name for name in names if not (self.folder / name).exists()), f"{ANSWERS}.broken")
        (self.folder / ANSWERS).rename(self.folder / free)
        return f"{ANSWERS} could not be read and is kept as {free}"
