"""Who may change anything in a guard's folder: one guard at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class LockedError(ManyHandsError):
    """Another guard is at work here."""


@contextlib.contextmanager
def only_guard(folder: Path) -> Iterator[None]:
    """Be the only guard that changes anything here. The kernel's lock ends with the process, however that ends.

    Raises :class:`LockedError`, which says who is at work.
    """
    path = folder / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip()
            raise LockedError(
                "another guard is at work here",
                where=str(path),
                why=who or "it has only just begun",
                remedy="let it end, or stop it where it runs; ./manyhands guard status tells how far it is",
            ) from None
        os.ftruncate(descriptor, 0)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}, since {now}".encode(), 0)
        yield
    finally:
        os.close(descriptor)
