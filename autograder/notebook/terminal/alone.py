"""One terminal a lab folder: two would roll back each other's files."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autograder.labs.catalogue import LabError
from autograder.notebook.logbook import MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only terminal in which this lab folder is open; made when it is not there.

    The kernel lifts the lock however this process ends.

    Raises:
        LabError: it is open in another, or it cannot be written.
    """
    try:
        (folder / MEMORY).mkdir(parents=True, exist_ok=True)
        place = os.open(folder / MEMORY, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise LabError(
            "the lab's folder cannot be used",
            where=str(folder),
            why=error.strerror or str(error),
            remedy="name another: --folder DIR",
        ) from error
    try:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(
                "this lab is open in another terminal",
                where=str(folder),
                remedy="go on there, or press q there first; or work in a folder of its own: --folder DIR",
            ) from None
        yield
    finally:
        os.close(place)
