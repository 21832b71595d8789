"""Reading what a learner handed in, without trusting any of it.

A folder that came from a learner may hold symbolic links to our files, pipes that never answer, hard links, files of
many gigabytes, and it may change while it is read. Everything here opens one path component after the other without
following links, takes regular files only, and stops at a limit.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

FILE_LIMIT: Final = 256 * 1024
"""Bytes a file of a submission may have."""
NOTEBOOK_LIMIT: Final = 16 * 1024 * 1024
"""Bytes the notebook may have: outputs with pictures are honest."""
MANIFEST: Final = "refused.json"
"""Written by us into a collected submission: what was handed in and not taken, with the reason."""

_READS: Final = 3


@dataclass(frozen=True)
class Refused:
    """A thing that was handed in and not taken."""

    path: str
    reason: str


@dataclass(frozen=True)
class Submission:
    """What one learner handed in for one lab.

    ``files`` holds those of the lab's files that are there and may be taken; ``refused`` those that are there and may
    not. ``digest`` covers both, and not the notebook: two submissions of one digest get one verdict.
    ``notebook_digest`` is empty when there is no readable notebook.
    """

    student: str
    lab: str
    files: Mapping[str, bytes]
    refused: tuple[Refused, ...]
    digest: str
    notebook_digest: str


class RefusedError(Exception):
    """A file may not be taken; the message is the reason, to be read by a learner."""


def read_submission(
    folder: Path, *, student: str, lab: str, files: tuple[str, ...], notebook: str, limit: int = FILE_LIMIT
) -> Submission:
    """Read the lab's ``files`` (relative paths) and ``notebook`` of a submission folder; never raises for its contents.

    Raises:
        OSError: ``folder`` itself cannot be opened.
    """
    taken: dict[str, bytes] = {}
    refused: list[Refused] = []
    told = _manifest(folder)
    for path in files:
        try:
            taken[path] = read_plain(folder, path, limit)
        except FileNotFoundError:
            for above in (path, *map(str, PurePosixPath(path).parents)):
                if above in told:
                    refused.append(Refused(above, told[above]))
                    break
        except RefusedError as refusal:
            refused.append(Refused(path, str(refusal)))
    try:
        notebook_digest = hashlib.sha256(read_plain(folder, notebook, NOTEBOOK_LIMIT)).hexdigest()
    except (FileNotFoundError, RefusedError):
        notebook_digest = ""
    return Submission(student, lab, taken, tuple(refused), _digest(taken, refused), notebook_digest)


def read_plain(folder: Path, path: str, limit: int) -> bytes:
    """The bytes of the regular file ``path`` under ``folder``, at most ``limit`` of them, read while it stood still.

    Raises:
        FileNotFoundError: nothing is there.
        RefusedError: something is there that may not be taken.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise RefusedError("its path leads out of the submission")
    with open_folder(folder) as root:
        return read_at(root, parts, limit)


def read_at(root: int, parts: tuple[str, ...], limit: int) -> bytes:
    """Like :func:`read_plain`, from the open folder ``root``."""
    folder = os.dup(root)
    try:
        for part in parts[:-1]:
            inner = _open_inner(folder, part)
            os.close(folder)
            folder = inner
        for _ in range(_READS):
            data = _read_once(folder, parts[-1], limit)
            if data is not None:
                return data
    finally:
        os.close(folder)
    raise RefusedError("it changes while it is read")


def why_not_plain(found: os.stat_result) -> str:
    """The reason why what ``lstat`` found is no file to take, or nothing."""
    mode = found.st_mode
    if stat.S_ISREG(mode):
        return "it has a second name elsewhere (a hard link); hand in a copy" if found.st_nlink > 1 else ""
    for matches, name in (
        (stat.S_ISLNK, "a symbolic link; hand in the file itself"),
        (stat.S_ISDIR, "a folder, where a file is expected"),
        (stat.S_ISFIFO, "a pipe, not a file"),
        (stat.S_ISSOCK, "a socket, not a file"),
    ):
        if matches(mode):
            return f"it is {name}"
    return "it is a device, not a file"


@contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """A descriptor of ``folder``, which is ours to name: its last component may not be a link."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_inner(folder: int, name: str) -> int:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "no folder"
        raise RefusedError(f"the folder {name} on its way is {what}")
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        raise RefusedError(f"the folder {name} on its way cannot be opened ({error.strerror})") from None


def _read_once(folder: int, name: str, limit: int) -> bytes | None:
    """The file's bytes, or None when it changed meanwhile. Looks before it opens: opening a device may act on it."""
    reason = why_not_plain(os.stat(name, dir_fd=folder, follow_symlinks=False))
    if reason:
        raise RefusedError(reason)
    try:
        # Non-blocking, for a pipe put in its place since the look.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        raise RefusedError(f"it cannot be opened ({error.strerror})") from None
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        reason = why_not_plain(before)
        if reason:
            raise RefusedError(reason)
        if before.st_size > limit:
            raise RefusedError(f"it has {before.st_size:,} bytes; the limit is {limit:,}")
        data = file.read(limit + 1)
        after = os.fstat(descriptor)
    still = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return data if still and len(data) == after.st_size else None


def _manifest(folder: Path) -> dict[str, str]:
    """Path → reason, as collecting noted it. A learner who writes this file earns a reason for an own missing file."""
    try:
        entries = json.loads(read_plain(folder, MANIFEST, FILE_LIMIT))
        return {str(entry["path"]): str(entry["reason"])[:300] for entry in entries}
    except (OSError, RefusedError, ValueError, TypeError, KeyError, RecursionError):
        return {}


def _digest(files: Mapping[str, bytes], refused: list[Refused]) -> str:
    sums = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    told = {entry.path: entry.reason for entry in refused}
    return hashlib.sha256(json.dumps([sums, told], sort_keys=True).encode()).hexdigest()
