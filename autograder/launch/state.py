"""The note `up` leaves in the user's folder, so that `down` and a second `up` find it.

The note is locked for as long as `up` lives, and the kernel lifts the lock however it ends. So a note without a lock is
a stale one: nothing has to be guessed from a pid.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.launch.processes import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = ".up.json"


@dataclass(frozen=True)
class Note:
    """What runs: the `up` process, the process that ends JupyterLab, and (once both answer) the two addresses."""

    up: Process
    leash: Process | None = None
    site: str = ""
    lab: str = ""

    @property
    def ready(self) -> bool:
        """Whether both the site and JupyterLab have answered."""
        return bool(self.site and self.lab)


@contextmanager
def claim(home: Path) -> Iterator[Claim | None]:
    """Hold the note of this folder, or get None when a running `up` holds it.

    What a killed `up` left behind is waited for and removed first; the note is gone when the block ends.
    """
    handle = _lock(home / _NAME)
    if handle is None:
        yield None
        return
    try:
        mine, left = Claim(handle), _parse(os.pread(handle, 1 << 16, 0))
        leash = left.leash if left else None
        mine.write(Note(_me(), leash))
        _wait_for(leash)
        yield mine
    finally:
        _remove(home, handle)


@dataclass(frozen=True)
class Claim:
    """A note that is ours to write."""

    handle: int

    def tell(self, leash: int, site: str = "", lab: str = "") -> None:
        """Note the leash's pid and, once both answer, the two addresses."""
        self.write(Note(_me(), Process.of(leash), site, lab))

    def write(self, note: Note) -> None:
        """Replace what the note says; only this user may read it, for it holds JupyterLab's token."""
        text = json.dumps(asdict(note)).encode()
        os.ftruncate(self.handle, 0)
        os.pwrite(self.handle, text, 0)


def read(home: Path) -> Note | None:
    """What the note of a running `up` says; None when nothing runs or it has not written yet."""
    try:
        return _parse((home / _NAME).read_bytes())
    except FileNotFoundError:
        return None


def is_running(home: Path) -> bool:
    """Whether an `up` holds the note. A stale note is removed, and what it left is waited for."""
    if not (home / _NAME).exists():
        return False
    handle = _lock(home / _NAME)
    if handle is None:
        return True
    try:
        left = _parse(os.pread(handle, 1 << 16, 0))
        _wait_for(left.leash if left else None)
    finally:
        _remove(home, handle)
    return False


def is_stale(home: Path) -> bool:
    """Whether there was a note that nobody held; it is removed."""
    return (home / _NAME).exists() and not is_running(home)


def _me() -> Process:
    me = Process.of(os.getpid())
    assert me is not None
    return me


def _remove(home: Path, handle: int) -> None:
    (home / _NAME).unlink(missing_ok=True)
    os.close(handle)


def _lock(path: Path) -> int | None:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        try:
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)  # the one before us removed it between our open and our lock: take the new one


def _parse(text: bytes) -> Note | None:
    try:
        data = json.loads(text)
        leash = Process(**data["leash"]) if data["leash"] else None
        return Note(Process(**data["up"]), leash, data["site"], data["lab"])
    except (ValueError, KeyError, TypeError):  # empty, half written, or by another version
        return None


def _wait_for(leash: Process | None) -> None:
    """A killed `up` is gone at once; what it started needs a moment more."""
    if leash:
        leash.wait(20)
