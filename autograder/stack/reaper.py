"""Who waits for the processes of a stack: its keeper, as process 1 of their pid namespace.

Orphans are ours, too. Bubblewrap tells the exit code of a program and ends before process 1 of the program's own
namespace has: nobody else is left to wait for that one, and what nobody waits for stays in the table of processes.
Runs in the keeper with nothing but the standard library.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Reaper:
    """Waits for every child, ours or left to us. Needs a running event loop in the main thread."""

    def __init__(self) -> None:
        self._ends: dict[int, Callable[[int], None]] = {}
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def follow(self, pid: int, ended: Callable[[int], None]) -> None:
        """Call back with the exit code of a child, 128 and more for a signal.

        To be called before the event loop gets its turn again after the child's birth.
        """
        self._ends[pid] = ended

    def _reap(self) -> None:
        while True:  # one signal may stand for several children
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            ended = self._ends.pop(pid, None)
            if ended is not None:
                ended(128 - code if code < 0 else code)


def spawn(argv: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:
    """A :class:`subprocess.Popen` that is only started by its object, and waited for by a :class:`Reaper`."""
    process = subprocess.Popen(argv, **how)
    process.returncode = 0  # or any later Popen would look for its end, and take that away from the reaper
    return process
