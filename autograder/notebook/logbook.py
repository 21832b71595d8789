"""What a lab remembers on disk: attempts, predictions and what was done, in the learner's own folder."""

from __future__ import annotations

import contextlib
import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ANSWERS = "answers.json"
_HISTORY = ".lab/history.jsonl"


@dataclass(frozen=True)
class Entry:
    """One thing that was done: when (ISO 8601, UTC), what, and what came of it."""

    time: str
    what: str
    result: str
    details: dict[str, Any]


class Logbook:
    """The memory of one lab folder. Survives the kernel, the browser and the machine's sleep."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, what: str, result: str, **details: Any) -> None:
        """Add an entry at the end of the history."""
        path = self.folder / _HISTORY
        path.parent.mkdir(exist_ok=True)
        row = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "what": what, "result": result}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**row, "details": details}) + "\n")

    def entries(self) -> tuple[Entry, ...]:
        """Everything that was done, oldest first; a line that cannot be read is left out."""
        path = self.folder / _HISTORY
        if not path.exists():
            return ()
        found = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, TypeError):
                found.append(Entry(**json.loads(line)))
        return tuple(found)

    def attempts(self, check: str) -> int:
        """How often a check was tried and not passed since it last passed."""
        count = 0
        for entry in self.entries():
            if entry.what == f"check {check}":
                count = 0 if entry.result == "passed" else count + 1
        return count

    def predictions(self) -> dict[str, Any]:
        """What the learner predicted, as in ``answers.json``; empty if there is none or it cannot be read."""
        with contextlib.suppress(OSError, ValueError):
            data = json.loads((self.folder / ANSWERS).read_text(encoding="utf-8"))
            if isinstance(data, dict):
                return data
        return {}

    def predict(self, question: str, answer: Any) -> None:
        """Save one answer; the others stay. Written whole or not at all."""
        answers = {**self.predictions(), question: answer}
        with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False, encoding="utf-8") as file:
            json.dump(answers, file, indent=2)
            file.write("\n")
        Path(file.name).chmod(0o644)
        Path(file.name).replace(self.folder / ANSWERS)
