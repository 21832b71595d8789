"""A file that was handed in at the wrong place or under nearly its name, put where the lab wants it.

An honest learner whose config lies beside the notebook, or is called ``nginx.conf `` or ``nginx.conf.txt``, did the
work. Nothing is guessed: where the file itself is there, or two could be meant, everything stays as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath


def put_in_place(folder: Path, files: Iterable[str]) -> None:
    """Move the one file that each missing one of ``files`` (relative paths) can be; ``folder`` holds plain files only.

    Raises:
        OSError: the folder cannot be changed.
    """
    for name in files:
        wanted = folder / name
        if os.path.lexists(wanted) or not wanted.parent.resolve().is_relative_to(folder.resolve()):
            continue
        plain = _plain(PurePosixPath(name).name)
        found = [path for path in folder.rglob("*") if _plain(path.name) == plain and path.is_file()]
        if len(found) == 1:
            wanted.parent.mkdir(parents=True, exist_ok=True)
            found[0].rename(wanted)


def _plain(name: str) -> str:
    """A name without what editors, downloads and slips of the hand add to it."""
    return name.strip().casefold().removesuffix(".txt").strip()
