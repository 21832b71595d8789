"""A backup as a folder: what is in it, how old it is, and what of a config a restore did not bring back."""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_FILES: Final = 4_000
MOST_BYTES: Final = 16 << 20
_GIT_S: Final = 60.0


@dataclass(frozen=True)
class Backup:
    """``files`` and ``dates`` (seconds since 1970) by path in the folder, what git keeps included.

    ``committed`` is the date of its newest commit, where it lies in git; a checkout makes files' own dates new.
    """

    files: Mapping[str, bytes]
    dates: Mapping[str, float]
    committed: float | None = None

    @property
    def newest(self) -> float:
        """When the newest thing in it was saved, in seconds since 1970."""
        own = [date for path, date in self.dates.items() if ".git" not in path.split("/")]
        return self.committed if self.committed is not None else max(own or self.dates.values())

    def saved(self, restored: Mapping[str, bytes]) -> float:
        """When that was saved which now lies in ``restored`` (relative path → content): the newest file found in both.

        The newest thing of all where git tells the date, or where no file is found again, as from an archive.
        """
        if self.committed is not None:
            return self.newest
        there = set(restored.values())
        found = [self.dates[path] for path, content in self.files.items() if content.strip() and content in there]
        return max(found, default=self.newest)


def read_backup(folder: Path) -> Backup:
    """The backup in a folder. Raises :class:`ManyHandsError` if there is none, or if it is no config's."""
    if not folder.is_dir():
        raise ManyHandsError(
            "the backup is no folder", where=str(folder), remedy="name the folder that your restore begins with"
        )
    files: dict[str, bytes] = {}
    dates: dict[str, float] = {}
    room = MOST_BYTES
    for place, inner, names in os.walk(folder):
        inner.sort()
        for name in sorted(names):
            path = Path(place) / name
            try:
                # O_NOFOLLOW: a link may lead to what is no part of the backup. O_NONBLOCK: a FIFO is not waited for.
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with os.fdopen(descriptor, "rb") as file:
                    told = os.fstat(file.fileno())
                    content = file.read(room + 1) if stat.S_ISREG(told.st_mode) else None
            except OSError:
                continue  # a link, or nothing that we may read: not a part of what can be restored from here
            if content is None:
                continue
            room -= len(content)
            if room < 0 or len(files) >= MOST_FILES:
                raise ManyHandsError(
                    f"the backup is larger than {MOST_BYTES >> 20} MiB or {MOST_FILES:,} files",
                    where=str(folder),
                    remedy="name the folder with the balancer's own files",
                )
            where = path.relative_to(folder).as_posix()
            files[where], dates[where] = content, told.st_mtime
    if not files:
        raise ManyHandsError("the backup is empty", where=str(folder), remedy="name a folder with files in it")
    return Backup(files, dates, _committed(folder))


def _committed(folder: Path) -> float | None:
    """When the newest commit about this folder was made; None where git knows nothing of it."""
    try:
        ran = subprocess.run(
            ["git", "-C", str(folder), "log", "-1", "--format=%ct", "--", "."],
            capture_output=True, text=True, timeout=_GIT_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = ran.stdout.strip()
    return float(said) if ran.returncode == 0 and said.isdecimal() else None


def differences(wanted: Mapping[str, bytes], found: Mapping[str, bytes]) -> tuple[str, ...]:
    """Each file of ``wanted`` that ``found`` does not have as it is wanted, in words."""
    gone = [f"{name} is missing" for name in sorted(wanted) if name not in found]
    other = [f"{name} is another version" for name in sorted(wanted) if name in found and found[name] != wanted[name]]
    return (*gone, *other)


def date(at: float) -> str:
    """A date in UTC, to the minute."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
