"""How much memory a process and all it started take at the worst moment."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.stack.procfs import family_pids

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVERY_S = 2.0
"""Reading shared pages costs the processes that are measured; seldom is enough for a peak that lasts."""


@dataclass
class Memory:
    """Megabytes of proportional set size (shared pages counted once), the largest sum seen so far."""

    peak_mb: float = 0.0


@contextmanager
def watched(pid: int) -> Iterator[Memory]:
    """Watch the process ``pid`` and its descendants, until the end of the block."""
    memory = Memory()
    enough = threading.Event()

    def watch() -> None:
        while True:
            memory.peak_mb = max(memory.peak_mb, _megabytes(pid))
            if enough.wait(_EVERY_S):
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        enough.set()
        thread.join()


def _megabytes(pid: int) -> float:
    total = 0
    for one in family_pids(pid):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii")
        except OSError:  # it ended, or is another user's
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024
