"""State read from running processes: their parents, titles, open files and whether they accept connections.

Runs on a node with nothing but the standard library (Linux ``/proc``).
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from autograder.stack.listening import listening_sockets

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL_S = 0.005
_SELDOM_S = 0.02


@dataclass(frozen=True)
class Process:
    """One live process. ``files`` are the paths behind its descriptors; ``accepting``: it holds a listening socket.

    Where nobody asked for it (see :func:`family`), ``accepting`` is false.
    """

    pid: int
    parent: int
    title: str
    files: tuple[str, ...]
    accepting: bool


def descendants(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Every live descendant of ``payload["pid"]``, itself included, as dicts of :class:`Process`'s fields."""
    return [asdict(process) for process in family(int(payload["pid"]))]


def family(root: int, *, accepting: bool = True) -> list[Process]:
    """The process ``root`` and all its live descendants; empty if it is gone.

    Without ``accepting`` nobody looks whether they listen, which takes 10 ms where the kernel cannot be asked for the
    sockets that do (:mod:`autograder.stack.listening`).
    """
    parents = _parents()
    wanted = _descendants(root, parents)
    listening = listening_sockets(root) if wanted and accepting else frozenset()
    return [_process(pid, parents[pid], listening) for pid in sorted(wanted)]


def family_pids(root: int) -> set[int]:
    """Their pids only, which is quicker."""
    return _descendants(root, _parents())


def _parents() -> dict[int, int]:
    """Every live process → its parent."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = _read(f"/proc/{entry}/stat").rsplit(") ", 1)[1].split()
                if fields[0] != "Z":
                    parents[int(entry)] = int(fields[1])
    return parents


def _descendants(root: int, parents: dict[int, int]) -> set[int]:
    wanted = {root} & parents.keys()
    while more := {pid for pid, parent in parents.items() if parent in wanted} - wanted:
        wanted |= more
    return wanted


def wait_until(condition: Callable[[], Any], timeout: float) -> Any:
    """Poll a cheap condition until it is true, or the time is over; returns its last value.

    It is looked at every 5 ms, and after 40 ms less often: what takes long may be noticed a quarter of that later,
    20 ms at most. (A reload of nginx takes 100 ms at least: so long it lets its new workers start.)
    """
    began = time.monotonic()
    while not (value := condition()) and (waited := time.monotonic() - began) < timeout:
        time.sleep(min(max(_POLL_S, waited / 4 - _POLL_S), _SELDOM_S))
    return value


def _process(pid: int, parent: int, listening: frozenset[str]) -> Process:
    title = ""
    files: list[str] = []
    with contextlib.suppress(OSError):
        title = _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                files.append(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    return Process(pid, parent, title, tuple(files), any(file in listening for file in files))


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
