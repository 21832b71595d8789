"""The two versions of a change, each as a folder on disk: one that is there, or a revision of a git repository."""

from __future__ import annotations

import contextlib
import os
import posixpath
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.inspect.config import MAIN, named, printable
from autograder.inspect.folder import MOST_BYTES, MOST_FILES, beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BLOB, _LINK = ("100644", "100755"), "120000"
_PATIENCE = 60.0
"""Seconds that git may take; it reads from a local disk."""


class VersionError(ManyHandsError):
    """A version that cannot be had."""


@dataclass(frozen=True)
class Version:
    """One version of the configs. ``configs`` are main configs: path as people know it → file on disk."""

    name: str
    configs: Mapping[str, Path]


@contextlib.contextmanager
def open_version(word: str, chosen: tuple[str, ...] = (), here: Path | None = None) -> Iterator[Version]:
    """The version that ``word`` names: a folder, a config file, or a git revision of the repository around ``here``.

    ``chosen`` are the main configs, relative to the folder or to the top of the repository; if none is named, every
    ``nginx.conf`` and ``haproxy.cfg`` is one. What exists as a path is taken for one. A revision is written to a
    temporary folder, without its links to anywhere else, and removed in the end. Raises :class:`VersionError`.
    """
    here = here or Path.cwd()
    path = here / word
    if path.is_file():
        yield Version(word, {path.name: path})
        return
    if path.is_dir():
        yield Version(word, _configs(path, chosen))
        return
    commit = _commit(here, word)
    with tempfile.TemporaryDirectory(prefix="many-hands-") as folder:
        _write(here, commit, chosen, Path(folder))
        yield Version(f"{word} ({commit[:10]})", _configs(Path(folder), chosen))


def content(config: Path) -> Mapping[str, bytes]:
    """All that a balancer reads when it is started with ``config``: the files of its folder, as inspections have it."""
    files = dict(beside(config.resolve().parent).files)
    with contextlib.suppress(OSError):
        files[config.name] = config.read_bytes()
    return files


def _configs(folder: Path, chosen: tuple[str, ...]) -> dict[str, Path]:
    if chosen:
        return {one: folder / one for one in chosen if (folder / one).is_file()}
    found = (Path(one) for one in named([str(folder)]))
    return {one.relative_to(folder).as_posix(): one for one in found if one != folder}


def _commit(here: Path, word: str) -> str:
    said = _git(here, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}", allowed=(0, 1))
    commit = said.decode().strip()
    if not commit:
        raise VersionError(
            f"{printable(word)} is neither a folder, nor a file, nor a revision of this repository",
            where=str(here),
            remedy="git log --oneline shows the revisions; ./manyhands review --help has examples",
        )
    return commit


def _write(here: Path, commit: str, chosen: tuple[str, ...], target: Path) -> None:
    """Write the folders of a commit that main configs are in, each with all below it."""
    top = _git(here, "rev-parse", "--show-toplevel").decode().rstrip("\n")
    entries = [_entry(line) for line in _git(Path(top), "ls-tree", "-r", "-l", "-z", commit).split(b"\0") if line]
    mains = set(chosen) or {name for _, _, _, name in entries if posixpath.basename(name) in MAIN.values()}
    folders = {posixpath.dirname(name) for _, _, _, name in entries if name in mains}
    wanted = [one for one in entries if any(_inside(one[3], folder) for folder in folders)]
    if len(wanted) > MOST_FILES * max(1, len(folders)) or sum(size for *_, size, _ in wanted) > 4 * MOST_BYTES:
        # as from a disk: a main config in the middle of a large tree is read alone
        wanted = [one for one in entries if one[3] in mains]
    for mode, blob, _, name in wanted:
        place = target / name
        if mode in _BLOB:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(_git(Path(top), "cat-file", "blob", blob))
        elif mode == _LINK:
            to = os.fsdecode(_git(Path(top), "cat-file", "blob", blob))
            inside = posixpath.normpath(posixpath.join(posixpath.dirname(name), to))
            if not to.startswith("/") and not inside.startswith(".."):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(to)


def _entry(line: bytes) -> tuple[str, str, int, str]:
    """Mode, object, size and path of a line of ``git ls-tree -l``."""
    head, _, name = line.partition(b"\t")
    mode, _, blob, size = head.decode().split()
    return mode, blob, int(size) if size.isdigit() else 0, os.fsdecode(name)


def _inside(name: str, folder: str) -> bool:
    return not folder or name.startswith(f"{folder}/")


def _git(here: Path, *words: str, allowed: tuple[int, ...] = (0,)) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(here), *words], capture_output=True, timeout=_PATIENCE, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise VersionError("git is not installed", remedy="sudo apt install git, or name two folders") from None
    except subprocess.TimeoutExpired:
        raise VersionError(f"git {words[0]} took more than {_PATIENCE:.0f} s") from None
    if done.returncode not in allowed:
        why = done.stderr.decode(errors="replace").strip().splitlines()
        raise VersionError(
            "this is no git repository that can be read",
            where=str(here),
            why=printable(why[-1]) if why else "",
            remedy="go into the repository, or name two folders",
        )
    return done.stdout
