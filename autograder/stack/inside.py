"""Files below a folder that somebody hostile can write to: nothing leads out of it, whatever is changed meanwhile.

Every step opens one name in a folder that is already open, and never follows a link itself; links are resolved by
hand, and one that leads out is refused. So there is no moment between a check and its use. Standard library only.
"""

# On a node, importing pathlib would cost more than the work.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 40
_MOST_FILES = 5_000
_MOST_BYTES = 32 << 20
_DEEPEST = 32


class Root:
    """A folder; all paths are below it, with or without a slash in front."""

    def __init__(self, path: str) -> None:
        self._root = os.open(path, _FOLDER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._root)

    def open(self, path: str, make: bool = False) -> int:
        """Descriptor of a folder; ``make`` makes what is missing. Relative links are followed while they stay inside.

        Raises :class:`ValueError` for what leads out, and :class:`OSError` for what is no folder.
        """
        todo = [part for part in path.split("/") if part not in ("", ".")]
        opened = [os.dup(self._root)]
        links = 0
        try:
            while todo:
                part = todo.pop(0)
                if part == "..":
                    if len(opened) == 1:
                        raise ValueError(f"{path!r} leads out of its folder")
                    os.close(opened.pop())
                    continue
                target = _link(opened[-1], part)
                if target is not None:
                    links += 1
                    if target.startswith("/") or links > _MOST_LINKS:
                        raise ValueError(f"{path!r} leads out of its folder")
                    todo[:0] = [step for step in target.split("/") if step not in ("", ".")]
                    continue
                opened.append(_enter(opened[-1], part, make))
            return opened.pop()
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def hold(self, path: str, files: Mapping[str, bytes]) -> None:
        """Make a folder hold exactly these files. The folder itself stays, for whoever has it open or mounted.

        A link or a file in the folder's place goes. Raises as :meth:`open`.
        """
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if not parts or ".." in parts:
            raise ValueError(f"{path!r} leads out of its folder")
        above = self.open("/".join(parts[:-1]), make=True)
        try:
            _make_way(above, parts[-1])
            folder = _enter(above, parts[-1], make=True)
        finally:
            os.close(above)
        try:
            _empty(folder)
            for name, content in files.items():
                _write(folder, name, content)
        finally:
            os.close(folder)

    def read(self, path: str) -> tuple[dict[str, bytes], str]:
        """Every plain file below a folder, and a mark that changes when anything there is written or moved.

        Relative links to files inside the root are read as files; everything else is left out, and what is more than
        5,000 files, 32 MiB, or 32 folders deep.
        """
        found: dict[str, bytes] = {}
        mark = hashlib.sha256()
        room = _MOST_BYTES
        folder = self.open(path)
        try:
            for name, descriptor, status in self._plain(folder, path.strip("/"), "", 0):
                mark.update(f"{name}\0{status.st_ino} {status.st_ctime_ns} {status.st_size}\n".encode(errors="replace"))
                with open(descriptor, "rb") as file:
                    found[name] = file.read(room + 1)
                room -= len(found[name])
                if len(found) > _MOST_FILES or room < 0:
                    del found[name]
                    break
        finally:
            os.close(folder)
        return found, mark.hexdigest()[:16]

    def _plain(self, folder: int, place: str, prefix: str, depth: int) -> Iterator[tuple[str, int, os.stat_result]]:
        for name in sorted(os.listdir(folder)):
            if not name.isprintable():
                continue
            kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISDIR(kind):
                if depth >= _DEEPEST:
                    continue
                inner = os.open(name, _FOLDER, dir_fd=folder)
                try:
                    yield from self._plain(inner, place, f"{prefix}{name}/", depth + 1)
                finally:
                    os.close(inner)
            elif stat.S_ISREG(kind) or stat.S_ISLNK(kind):
                descriptor = self._file(folder, name, f"{place}/{prefix}")
                if descriptor >= 0:
                    yield prefix + name, descriptor, os.fstat(descriptor)

    def _file(self, folder: int, name: str, place: str) -> int:
        """Descriptor of a plain file, or of the one that a link there leads to; -1 if that is none of ours."""
        try:
            target = _link(folder, name)
            if target is not None:
                return -1 if target.startswith("/") else self._linked(f"{place}{target}")
            return _plain_file(folder, name)
        except (OSError, ValueError):
            return -1

    def _linked(self, path: str) -> int:
        above, _, name = path.rpartition("/")
        folder = self.open(above)
        try:
            return _plain_file(folder, name)
        finally:
            os.close(folder)


def read_on_node(payload: dict[str, str]) -> dict[str, object]:
    """Runs in a balancer's container: what :meth:`Root.read` finds in ``payload["folder"]``, the files in base64."""
    import base64

    with Root("/") as root:
        files, mark = root.read(payload["folder"])
    return {"files": {name: base64.b64encode(content).decode() for name, content in files.items()}, "mark": mark}


def main() -> None:
    """The same as a program: the folder as argument, JSON on standard output."""
    import json

    try:
        reply: dict[str, object] = {"ok": read_on_node({"folder": sys.argv[1]})}
    except (OSError, ValueError) as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    json.dump(reply, sys.stdout)


def _plain_file(folder: int, name: str) -> int:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return -1


def _link(folder: int, name: str) -> str | None:
    """Where a link leads; None for what is none."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None


def _enter(folder: int, name: str, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    with contextlib.suppress(FileExistsError):  # somebody was quicker; if it is no folder, opening it says so
        os.mkdir(name, 0o755, dir_fd=folder)
    return os.open(name, _FOLDER, dir_fd=folder)


def _make_way(folder: int, name: str) -> None:
    """Remove what has a folder's place and is none."""
    try:
        if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass


def _empty(folder: int) -> None:
    """Remove all that a folder holds; links are not followed.

    Folders come up one level before they are emptied, so that a thousand inside each other are no harder than one.
    """
    number = 0
    while names := os.listdir(folder):
        for name in names:
            if not _unlink(folder, name):
                inner = os.open(name, _FOLDER, dir_fd=folder)
                try:
                    for deeper in os.listdir(inner):
                        if not _unlink(inner, deeper):
                            number += 1
                            os.rename(deeper, f".{number}-{os.getpid()}", src_dir_fd=inner, dst_dir_fd=folder)
                finally:
                    os.close(inner)
                _remove_folder(folder, name)


def _unlink(folder: int, name: str) -> bool:
    """Remove what is no folder, or gone; false for a folder."""
    try:
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return False
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass
    return True


def _remove_folder(folder: int, name: str) -> None:
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.ENOENT):  # somebody is writing there: the next round sees it
            raise


def _write(folder: int, path: str, content: bytes) -> None:
    """Write a new file; on the way no link is followed."""
    *above, name = path.split("/")
    if name in ("", ".", "..") or ".." in above:
        raise ValueError(f"{path!r} leads out of its folder")
    opened = os.dup(folder)
    try:
        for part in above:
            if part not in ("", "."):
                deeper = _enter(opened, part, make=True)
                os.close(opened)
                opened = deeper
        descriptor = os.open(
            name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=opened
        )
        with open(descriptor, "wb") as file:
            file.write(content)
    finally:
        os.close(opened)


if __name__ == "__main__":
    main()
