"""How many processes a pid namespace has room for: a limit that no flood of forks gets past.

``RLIMIT_NPROC`` does not hold for root, and whoever watches may be starved by what there is to watch. Since Linux 6.14
each pid namespace has its own ``kernel.pid_max``; before, the setting is the whole machine's and is left alone.
Standard library only; runs in a child of the keeper, with its rights.
"""

# On a node, importing pathlib would cost more than the work.
# ruff: noqa: PTH123

from __future__ import annotations

import ctypes
import os

_NEW_MOUNTS, _NEW_PIDS = 0x00020000, 0x20000000
_RECURSIVE_PRIVATE = 0x4000 | 0x40000
_RESERVED = 300
"""Numbers below are given out once only."""
_SINCE = (6, 14)


def limit_processes(pid: int, most: int) -> bool:
    """Give the pid namespace of process ``pid`` room for about ``most`` processes. False where that cannot be.

    Changes this process for good, so call it in a child that ends then.
    """
    release = os.uname().release.split(".")
    if tuple(int(part) for part in release[:2] if part.isdigit()) < _SINCE:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    there = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    if libc.setns(there, _NEW_PIDS) or libc.unshare(_NEW_MOUNTS):
        return False
    child = os.fork()  # it, not we, is in that namespace
    if child:
        return os.waitpid(child, 0)[1] == 0
    code = 1
    try:
        if not (
            libc.mount(b"none", b"/", None, _RECURSIVE_PRIVATE, None) or libc.mount(b"proc", b"/proc", b"proc", 0, None)
        ):
            with open("/proc/sys/kernel/pid_max", "w", encoding="ascii") as file:
                file.write(str(_RESERVED + most))
            code = 0
    finally:
        os._exit(code)
