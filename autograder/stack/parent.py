"""A process that ends with the one that started it, however that ends: also by a kill that nobody can answer."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends (``PR_SET_PDEATHSIG``, prctl(2)).

    Raises :class:`OSError` if it refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def end_with(parent: int) -> None:
    """What a worker of a pool begins with: it ends when ``parent`` (a pid) does. Ctrl-C is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)
