"""State read from running processes: their children, titles and open files (Linux ``/proc``)."""

from __future__ import annotations

import contextlib
import os
from typing import Any


def descendants(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Every live descendant of ``payload["pid"]``, itself included.

    Returns dicts of ``pid``, ``parent``, ``title`` (the command line) and ``files`` (paths of open files).
    """
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = _read(f"/proc/{entry}/stat").rsplit(") ", 1)[1].split()
                if fields[0] != "Z":
                    parents[int(entry)] = int(fields[1])
    wanted = {int(payload["pid"])}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in wanted} - wanted
        wanted |= more
        grown = bool(more)
    return [_process(pid, parents[pid]) for pid in sorted(wanted) if pid in parents]


def _process(pid: int, parent: int) -> dict[str, Any]:
    title, files = "", []
    with contextlib.suppress(OSError):
        title = _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                files.append(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    return {"pid": pid, "parent": parent, "title": title, "files": files}


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
