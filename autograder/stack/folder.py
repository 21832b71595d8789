"""Reading a config folder from this machine's disk: what is in it and nothing else.

Links are followed only to files of the same folder; what is not a plain file is refused, and so is what is too large
to be a config. A folder that changes while it is read is read as it was found, file by file.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 32 * 1024 * 1024
"""All files of one folder together."""
MAX_FILES = 4096


class FolderError(ManyHandsError):
    """A config folder that cannot be read."""


def read_folder(folder: Path) -> dict[str, bytes]:
    """Relative path → content of every file in ``folder`` and below. Raises :class:`FolderError`."""
    top = folder.resolve()
    if not top.is_dir():
        raise FolderError(f"there is no folder {folder}", remedy="name the folder that the config is in")
    files: dict[str, bytes] = {}
    total = 0
    for place, inner, names in os.walk(top):
        inner[:] = sorted(name for name in inner if not name.startswith((".git", ".ipynb_checkpoints")))
        for name in sorted(names):
            path = top / os.path.relpath(place, top) / name
            content = _content(path, top, MAX_BYTES - total)
            total += len(content)
            files[str(path.relative_to(top))] = content
            if len(files) > MAX_FILES:
                raise FolderError(f"{folder} has more than {MAX_FILES} files", remedy="name the config's own folder")
    return files


def _content(path: Path, top: Path, room: int) -> bytes:
    real = path.resolve()
    if not real.is_relative_to(top):
        raise FolderError(f"{path} is a link that leads out of {top}", remedy="put the file itself there")
    try:
        # O_NONBLOCK: opening a FIFO must not wait for somebody to write into it.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise FolderError(f"cannot read {path}", why=error.strerror or "", remedy="mend or remove it") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FolderError(f"{path} is not a plain file", remedy="remove it from the config's folder")
        content = file.read(room + 1)
    if len(content) > room:
        raise FolderError(f"{top} holds more than {MAX_BYTES >> 20} MiB", remedy="name the config's own folder")
    return content
