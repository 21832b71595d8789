"""Putting a submission folder in order: what nbgrader copies and follows afterwards must be plain, small and few."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Final

from autograder.grading.submission import (
    FILE_LIMIT,
    MANIFEST,
    NOTEBOOK_LIMIT,
    Refused,
    RefusedError,
    open_folder,
    read_at,
    read_plain,
    why_not_plain,
)

ENTRIES_LIMIT: Final = 500
DEPTH_LIMIT: Final = 8
_TIMESTAMP = "timestamp.txt"

Entry = tuple[tuple[str, ...], str]
"""Parts of a path, and the reason why it may not stay (empty: it may)."""


def copy_plain(source: Path, dest: Path, wanted: Iterable[str]) -> tuple[Refused, ...]:
    """Copy what may be taken of ``source`` to ``dest`` (a folder that is not there yet), and say what may not.

    ``wanted`` are the paths a submission needs; however much else there is, it does not crowd them out.
    ``dest`` appears at once and whole, or not at all.

    Raises:
        OSError: ``source`` cannot be opened or ``dest`` cannot be written.
    """
    partial = dest.with_name(f".{dest.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    refused: list[Refused] = []
    with open_folder(source) as root:
        for parts, reason in _entries(root, wanted):
            path = "/".join(parts)
            try:
                if reason:
                    raise RefusedError(reason)
                data = read_at(root, parts, _limit(path))
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                (partial / path).write_bytes(data)
            except RefusedError as refusal:
                refused.append(Refused(path, str(refusal)))
            except OSError as error:
                refused.append(Refused(path, f"it cannot be read ({error.strerror})"))
    _note(partial, refused)
    partial.rename(dest)
    return tuple(refused)


def tidy(folder: Path, aside: Path, *, notebook: str, blank: Path, wanted: Iterable[str]) -> tuple[Refused, ...]:
    """Put the submission in ``folder`` in order, in place, and say what had to go.

    What may not stay (links, pipes, devices, too large, too deep, too many) moves to ``aside``, unread and whole. A
    notebook under another name gets the lab's (the file a learner renamed is theirs); when there is none, the
    instructor's ``blank`` one stands in, so that a lost notebook costs an honest learner nothing.

    Raises:
        OSError: the folder cannot be opened or changed.
    """
    refused: list[Refused] = []
    if folder.is_symlink() or not folder.is_dir():
        refused.append(Refused(".", why_not_plain(folder.lstat()) or "it is a file, where a folder is expected"))
        _move_away(folder.parent, [folder.name], aside)
        folder.mkdir()
    with open_folder(folder) as root:
        for parts, reason in list(_entries(root, (*wanted, notebook))):
            path = "/".join(parts)
            problem = reason or _too_large(root, parts, path)
            if problem:
                refused.append(Refused(path, problem))
    _move_away(folder, [entry.path for entry in refused if entry.path != "."], aside)
    _note(folder, refused)
    _settle_notebook(folder, notebook, blank)
    _settle_timestamp(folder)
    return tuple(refused)


def _entries(root: int, wanted: Iterable[str]) -> Iterator[Entry]:
    """Every file under the open folder ``root``, and whatever else is there with the reason why it may not stay."""
    files = {PurePosixPath(path).parts for path in wanted}
    folders = {parts[:length] for parts in files for length in range(1, len(parts))}
    count = 0
    waiting: deque[tuple[str, ...]] = deque([()])
    while waiting:
        at = waiting.popleft()
        for name, found in _listing(root, at):
            parts = (*at, name)
            is_folder = stat.S_ISDIR(found.st_mode)
            count += parts not in files and parts not in folders
            if parts in files:
                yield parts, why_not_plain(found)
            elif parts in folders:
                if is_folder:
                    waiting.append(parts)
                else:
                    yield parts, why_not_plain(found) or "it is a file, where a folder is expected"
            elif count > ENTRIES_LIMIT:
                yield parts, f"the submission has more than {ENTRIES_LIMIT} files and folders"
            elif not is_folder:
                yield parts, why_not_plain(found)
            elif len(parts) >= DEPTH_LIMIT:
                yield parts, f"folders are more than {DEPTH_LIMIT} deep"
            else:
                waiting.append(parts)


def _listing(root: int, at: tuple[str, ...]) -> list[tuple[str, os.stat_result]]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = os.dup(root)
    try:
        for part in at:
            inner = os.open(part, flags, dir_fd=folder)
            os.close(folder)
            folder = inner
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
        return [(name, os.stat(name, dir_fd=folder, follow_symlinks=False)) for name in names]
    except OSError:  # it went away, or became a link, while we looked
        return []
    finally:
        os.close(folder)


def _limit(path: str) -> int:
    return NOTEBOOK_LIMIT if path.endswith(".ipynb") else FILE_LIMIT


def _too_large(root: int, parts: tuple[str, ...], path: str) -> str:
    try:
        read_at(root, parts, _limit(path))
    except (RefusedError, OSError) as refusal:
        return str(refusal)
    return ""


def _move_away(folder: Path, paths: list[str], aside: Path) -> None:
    """Rename, which follows no link and opens nothing; a numbered folder a time keeps what went before."""
    if not paths:
        return
    aside.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="", dir=aside))
    for number, path in enumerate(paths):
        (folder / path).rename(fresh / f"{number:04}-{Path(path).name[:100]}")


def _note(folder: Path, refused: list[Refused]) -> None:
    """Add to the manifest; a reason noted when it was collected stays."""
    if not refused:
        return
    try:
        before = json.loads(read_plain(folder, MANIFEST, FILE_LIMIT))
        before = before if isinstance(before, list) else []
    except (OSError, RefusedError, ValueError, RecursionError):
        before = []
    _write(folder / MANIFEST, json.dumps([*before, *map(asdict, refused)][:ENTRIES_LIMIT], indent=1).encode())


def _settle_notebook(folder: Path, notebook: str, blank: Path) -> None:
    if (folder / notebook).exists():
        return
    others = sorted(folder.glob("*.ipynb"))
    source = others[0] if len(others) == 1 else blank
    _write(folder / notebook, source.read_bytes())


def _settle_timestamp(folder: Path) -> None:
    """A time that nbgrader cannot read stops it; without the file it grades."""
    from dateutil import parser

    try:
        parser.parse(read_plain(folder, _TIMESTAMP, 200).decode("ascii"))
    except FileNotFoundError:
        return
    except (ValueError, OverflowError, TypeError, RefusedError):
        (folder / _TIMESTAMP).unlink()


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{path.name}.fresh")
    fresh.write_bytes(data)
    fresh.replace(path)
