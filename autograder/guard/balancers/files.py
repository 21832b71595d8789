"""A config's folder on this machine: what is there, and putting files there so that no reader finds half of one."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.durable import write_durably
from autograder.guard.balancer import BalancerError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_MOST_BYTES = 64 << 20
_COPY = ".many-hands-"


def read(folder: Path, names: Collection[str]) -> dict[str, bytes]:
    """Those of the files that are there. Raises :class:`BalancerError` if one cannot be read."""
    found = {}
    for name in names:
        try:
            found[name] = (folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        except OSError as error:
            raise _cannot("read", folder / name, error) from None
    return found


def write(folder: Path, files: Mapping[str, bytes], gone: Collection[str], last: str) -> None:
    """Put files there, each at once, ``last`` after all it may include; then take away those that are gone."""
    for name in sorted(files, key=lambda name: name == last):
        place = folder / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_file() and place.read_bytes() == files[name]:
                continue
            mode = place.stat().st_mode & 0o777 if place.is_file() else 0o644
            write_durably(place.resolve() if place.is_symlink() else place, files[name], mode)
        except OSError as error:
            raise _cannot("write", place, error) from None
    for name in gone:
        if name not in files:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                (folder / name).unlink()


@contextlib.contextmanager
def tried(folder: Path, files: Mapping[str, bytes], within: Path | None = None) -> Iterator[Path]:
    """A copy of the folder with the files in it, to be checked; relative includes find what lies beside them.

    It lies ``within`` a folder, where that can be read by whoever reads the folder.
    """
    with tempfile.TemporaryDirectory(prefix=_COPY, dir=within) as place:
        copy = Path(place)
        if within is not None:
            copy.chmod(within.stat().st_mode & 0o777)
        if folder.is_dir() and _size(folder) <= _MOST_BYTES:
            shutil.copytree(folder, copy, symlinks=True, dirs_exist_ok=True, ignore=_odd)
        for name, content in files.items():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_symlink():
                target.unlink()
            target.write_bytes(content)
        yield copy


def _odd(folder: str, names: list[str]) -> list[str]:
    """Sockets and the like cannot be copied; copies need not be."""
    places = {name: Path(folder) / name for name in names}
    kinds = {name: place.is_symlink() or place.is_dir() or place.is_file() for name, place in places.items()}
    return [
        name
        for name, place in places.items()
        if not kinds[name] or not os.access(place, os.R_OK) or name.startswith(_COPY)
    ]


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def _cannot(do: str, place: Path, error: OSError) -> BalancerError:
    remedy = "run the guard as a user who may" if isinstance(error, PermissionError) else ""
    return BalancerError(f"cannot {do} the config", where=str(place), why=error.strerror or "", remedy=remedy)
