"""The folder that a config lies in, as far as it can be brought along; what is left out is named.

Links are followed within the folder only: nobody's config makes us read, and quote, what lies outside it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MOST_FILES = 400
"""A folder with more files than this is nobody's config folder."""
MOST_BYTES = 16 * 1024 * 1024
SKIPPED = (".git", ".ipynb_checkpoints")
_NAMED = 3


class TooLargeError(Exception):
    """The folder is too large to be a config's own."""


@dataclass(frozen=True)
class Beside:
    """``files`` are relative to the folder; ``notes`` say what was left out, and why."""

    files: Mapping[str, bytes]
    notes: tuple[str, ...] = ()


def beside(folder: Path) -> Beside:
    """Every file in ``folder`` (resolved) and below; none of them if that is too large for a config folder."""
    files: dict[str, bytes] = {}
    out: dict[str, list[str]] = {}
    room = MOST_BYTES
    try:
        for name, path in _walk(folder):
            why, content = _content(path, folder, room)
            if why:
                out.setdefault(why, []).append(name)
                continue
            room -= len(content)
            files[name] = content
            if room < 0 or len(files) > MOST_FILES:
                raise TooLargeError
    except TooLargeError:
        return Beside({}, (f"{folder} is too large for a config folder, so only the file itself was read",))
    return Beside(files, tuple(_left_out(why, names) for why, names in out.items()))


def _left_out(why: str, names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"left out, {why}: {', '.join(names[:_NAMED])}{more}"


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and path of all that is no folder, also behind links to folders inside. Raises :class:`TooLargeError`."""
    seen = 0
    waiting: list[tuple[str, frozenset[Path]]] = [("", frozenset({folder}))]
    while waiting:
        inside, above = waiting.pop(0)
        try:
            with os.scandir(folder / inside) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith(SKIPPED):
                continue
            seen += 1
            if seen > 2 * MOST_FILES:
                raise TooLargeError
            name = f"{inside}{entry.name}"
            real = folder / name
            if entry.is_symlink():
                try:
                    real = real.resolve()
                except (OSError, RuntimeError):
                    yield name, folder / name
                    continue
            if not real.is_dir():
                yield name, folder / name
            elif real.is_relative_to(folder):
                # A link to a folder above this one would never end.
                if real not in above and not folder.is_relative_to(real):
                    waiting.append((f"{name}/", above | {real}))
            else:
                yield name, folder / name


def _content(path: Path, top: Path, room: int) -> tuple[str, bytes]:
    """Why a file is left out, or its content: one byte more than there is room for, if it has so many."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return "a link that leads nowhere", b""
    if not real.is_relative_to(top):
        return "a link out of the folder", b""
    try:
        # O_NONBLOCK: opening a FIFO must not wait for somebody to write into it.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        return (error.strerror or "unreadable").lower(), b""
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return "no plain file", b""
        return "", file.read(room + 1)
