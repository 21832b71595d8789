"""Who may grade at the moment: one run a class, and one writer of the gradebook at a time.

Both are kernel locks on a file, so that they end with the process that holds them, however that ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from autograder.errors import ManyHandsError
from autograder.grading.settings import Places


@contextmanager
def one_run(places: Places) -> Iterator[None]:
    """Be the only grading run of the class.

    Raises:
        ManyHandsError: another is under way; it says which.
    """
    path = places.course / ".grading.lock"
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip()
            raise ManyHandsError(
                "this class is being graded already",
                where=str(places.course),
                why=who or "another run has just begun",
                remedy="let it end, or stop it with Ctrl-C where it runs: what it judged is kept",
            ) from None
        now = datetime.now(UTC).astimezone().strftime("%H:%M")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}, since {now}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


_writing: dict[Path, int] = {}
"""Course → descriptor of the lock, where this process writes its grades."""


@contextmanager
def one_writer(places: Places) -> Iterator[None]:
    """Be the only one who writes grades; waits for the submission another is writing (a fraction of a second).

    Not for threads: whoever asks again in a process that writes already goes on.
    """
    mine = begin_writing(places)
    try:
        yield
    finally:
        if mine:
            end_writing(places)


def begin_writing(places: Places) -> bool:
    """The same for who cannot use ``with``; False if this process writes already, and whoever began will end it."""
    if places.course in _writing:
        return False
    descriptor = _open(places.course / ".writing.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except BaseException:
        os.close(descriptor)
        raise
    _writing[places.course] = descriptor
    return True


def end_writing(places: Places) -> None:
    """Let others write again."""
    os.close(_writing.pop(places.course))


@contextmanager
def one_log(places: Places) -> Iterator[None]:
    """Be the only one who compares the gradebook with the log of changes, and writes there. Not for threads."""
    descriptor = _open(places.course / ".changes.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
