"""Keep a server's journal from growing for ever. Runs on a node with nothing but the standard library (Linux)."""

from __future__ import annotations

import os

KEPT_BYTES = 16 << 20
"""Of each journal; half a million answers. What is older is given back, while every line keeps its place."""

_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02


def forget(journal: int) -> None:
    """Give back the room of all but the last :data:`KEPT_BYTES`: there are zeros now (fallocate(2) ``PUNCH_HOLE``)."""
    old = os.fstat(journal).st_size - KEPT_BYTES
    if old <= 0:
        return
    import ctypes  # seldom needed, and slow to load

    libc = ctypes.CDLL(None, use_errno=True)
    offset, length = ctypes.c_int64(0), ctypes.c_int64(old)
    # A file system that cannot do this has room enough, or says so when it has not.
    libc.fallocate64(journal, _KEEP_SIZE | _PUNCH_HOLE, offset, length)
