"""One program a lab folder: a notebook and a terminal, or two of either, would roll back each other's files."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from datetime import datetime
from typing import TYPE_CHECKING

from autograder.labs.catalogue import LabError
from autograder.notebook.logbook import MEMORY

if TYPE_CHECKING:
    from pathlib import Path

_NOTE = f"{MEMORY}/open"
_LONGEST = 1000
_LEAVE = {
    "a notebook": "go on there; or end it there: run lab.close(), or choose Kernel > Shut Down Kernel",
    "a terminal": "go on there, or press q there (--plain: type quit)",
}


class Alone:
    """Has a lab folder, until :meth:`end` or the end of the process, however that comes about.

    ``where`` is what has it, as somebody else is told: ``a notebook`` or ``a terminal``.

    Raises:
        LabError: the lab is open elsewhere, or the folder cannot be written.
    """

    def __init__(self, folder: Path, where: str) -> None:
        try:
            (folder / MEMORY).mkdir(parents=True, exist_ok=True)
            self._note = os.open(folder / _NOTE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LabError(
                "the lab's folder cannot be used",
                where=str(folder),
                why=error.strerror or str(error),
                remedy="name another: --folder DIR, or open_lab(folder=…)",
            ) from error
        try:
            fcntl.flock(self._note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            said = self._said()
            self.end()
            raise _open_elsewhere(folder, said) from None
        except OSError:  # a file system that knows no locks
            return
        note = {"pid": os.getpid(), "where": where, "since": f"{datetime.now().astimezone():%H:%M}"}
        with contextlib.suppress(OSError):  # the note is for people; the lock holds without it
            os.ftruncate(self._note, 0)
            os.pwrite(self._note, json.dumps(note).encode() + b"\n", 0)

    def end(self) -> None:
        """Let others have it. Safe to call twice."""
        note, self._note = self._note, -1
        if note >= 0:
            os.close(note)

    def _said(self) -> dict[str, object]:
        """What whoever has it wrote down; empty if that cannot be read."""
        try:
            said = json.loads(os.pread(self._note, _LONGEST, 0))
        except (OSError, ValueError, RecursionError):
            return {}
        return said if isinstance(said, dict) else {}


def _open_elsewhere(folder: Path, said: dict[str, object]) -> LabError:
    where = str(said.get("where", "another program"))
    since = f", since {said['since']}" if "since" in said else ""
    who = f" (process {said['pid']}{since})" if "pid" in said else ""
    leave = _LEAVE.get(where, "go on there, or end it")
    return LabError(
        f"this lab is open in {where}{who}",
        where=str(folder),
        why="two would change each other's files",
        remedy=f"{leave}. Then try again here. Or work in a folder of its own: --folder DIR, or open_lab(folder=…)",
    )
