"""Processes by pid *and* start time, so that a number the kernel gave to someone else is never mistaken."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Process:
    """One process that ran at some time: ``started`` is in clock ticks since boot, from ``/proc/<pid>/stat``."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this pid now, or None."""
        fields = _stat(pid)
        return cls(pid, int(fields[19])) if fields else None

    def runs(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        fields = _stat(self.pid)
        return fields is not None and int(fields[19]) == self.started and fields[0] != "Z"

    def send(self, what: signal.Signals) -> bool:
        """Send a signal to this very process; False when it is gone."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.runs():
                return False
            signal.pidfd_send_signal(handle, what)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True

    def wait(self, seconds: float) -> bool:
        """Wait until this process has ended, at most so long; True when it has."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if not self.runs():
                return True
            return bool(select.select([handle], [], [], seconds)[0])
        finally:
            os.close(handle)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none can slip away."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def descendants(pid: int) -> list[Process]:
    """Every process below this one, parents before children."""
    children: dict[int, list[Process]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(Process(int(entry.name), int(fields[19])))
    found: list[Process] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += [child.pid for child in below]
    return found


def end_descendants(seconds: float) -> None:
    """End everything below this process: TERM, then KILL for what is left after so many seconds.

    The caller must have called :func:`adopt_orphans` before starting anything. Returns when nothing is left.
    """
    deadline = time.monotonic() + seconds
    told: set[Process] = set()
    while True:
        _reap()
        left = descendants(os.getpid())
        if not left:
            return
        late = time.monotonic() >= deadline
        for process in left:
            if late:
                process.send(signal.SIGKILL)
            elif process not in told:
                process.send(signal.SIGTERM)
                told.add(process)
        left[0].wait(0.5 if late else max(0.0, min(0.5, deadline - time.monotonic())))


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _stat(pid: int) -> list[str] | None:
    """The fields of ``/proc/<pid>/stat`` after the name (which may hold spaces), from the state on; None when gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
