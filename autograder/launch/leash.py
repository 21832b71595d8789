"""A process that holds another one on a leash: ``python -m autograder.launch.leash FD COMMAND…``.

It starts the command and ends it, and everything the command ever started, when the other end of the pipe FD is
closed. The kernel closes it however the holder ends, even by ``kill -9``; so JupyterLab, its kernels, its terminals and
what a learner started from them never outlive ``up``.

A direct PR_SET_PDEATHSIG would reach JupyterLab only: kernels run in sessions of their own.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

from autograder.launch.processes import Process, adopt_orphans, end_descendants
from autograder.stack.parent import die_with_parent

_GRACE_SECONDS = 8.0
"""JupyterLab takes about a second to ask its kernels to end and to end itself."""


def main(arguments: list[str]) -> int:
    """Run the command until it ends or the pipe closes; the command's exit code, or 0 when it was called back."""
    leash, command = int(arguments[0]), arguments[1:]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # the pipe is the one thing that ends this process
    adopt_orphans()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_in_child)  # noqa: PLW1509 - no threads here
    handle = os.pidfd_open(child.pid)
    ready, _, _ = select.select([leash, handle], [], [])
    if leash in ready:
        child.terminate()
        process = Process.of(child.pid)
        if process:  # alone first: it knows how to end its kernels kindly
            process.wait(_GRACE_SECONDS / 2)
    code = child.poll()
    end_descendants(_GRACE_SECONDS / 2)
    return 0 if leash in ready or code is None else abs(code)


def _in_child() -> None:
    for restored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(restored, signal.SIG_DFL)
    die_with_parent()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
