"""The folders a program works in: filled before it starts, read when every process of it is gone.

What a program leaves is hostile until it is read: links are not followed, what is no plain file is not opened, names
that could fool a reader are not passed on. No path is longer than one name, so that no depth of folders is too much.
"""

# On a node, importing pathlib would cost more than the work.
# ruff: noqa: PTH103, PTH101, PTH120, PTH123

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WORK, GIVEN = "/work", "/given"
_DEEPEST = 32
_MOST_NAMED = 20
_NAME_BYTES = 255


def fill(folder: str, files: Mapping[str, bytes], mode: int) -> None:
    """Write files below a folder. Those that begin with ``#!`` can be executed."""
    for name, content in files.items():
        path = f"{folder}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode | 0o111 if content.startswith(b"#!") else mode)


class Left:
    """What a program left in its folder: ``files`` that are new or changed, ``removed``, and what is left out."""

    def __init__(self, before: Mapping[str, bytes], largest: int, most: int) -> None:
        self.files: dict[str, bytes] = {}
        self.left_out: list[str] = []
        self._more = 0
        self._before = before
        self._largest = largest
        self._room = most
        self._seen: set[str] = set()

    def read(self, folder: str) -> None:
        """Read all of a folder."""
        os.chmod(folder, 0o700)  # its owner may have closed it
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            self._walk(root, "", 0)
        finally:
            os.close(root)
        if self._more:
            self.left_out.append(f"and {self._more} more")

    @property
    def removed(self) -> list[str]:
        """Files that it was given and that are gone."""
        return sorted(set(self._before) - self._seen)

    def _walk(self, folder: int, prefix: str, depth: int) -> None:
        for name in _names(folder):
            path = prefix + name
            if not name.isprintable() or len(os.fsencode(name)) > _NAME_BYTES:
                self._leave_out(path, "its name cannot be printed")
                continue
            try:
                kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
                if stat.S_ISDIR(kind) and depth < _DEEPEST:
                    os.chmod(name, 0o700, dir_fd=folder)  # nobody else is left who could put a link there
                    self._enter(folder, name, path, depth)
                elif stat.S_ISREG(kind):
                    os.chmod(name, 0o600, dir_fd=folder)
                    self._take(folder, name, path)
                else:
                    self._leave_out(path, "it is too deep" if stat.S_ISDIR(kind) else "it is no plain file")
            except OSError as error:
                self._leave_out(path, error.strerror or "it cannot be read")

    def _enter(self, folder: int, name: str, path: str, depth: int) -> None:
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            self._walk(inner, f"{path}/", depth + 1)
        finally:
            os.close(inner)

    def _take(self, folder: int, name: str, path: str) -> None:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        with open(descriptor, "rb") as file:
            size = os.fstat(descriptor).st_size
            self._seen.add(path)
            if size > self._largest:
                self._leave_out(path, f"it has {size} bytes")
                return
            content = file.read(self._largest)
        if self._before.get(path) == content:
            return
        if len(content) > self._room:
            self._leave_out(path, "there is too much")
            return
        self._room -= len(content)
        self.files[path] = content

    def _leave_out(self, path: str, why: str) -> None:
        if len(self.left_out) < _MOST_NAMED:
            self.left_out.append(f"{path[:200]!a}: {why}")
        else:
            self._more += 1


def _names(folder: int) -> Iterator[str]:
    with os.scandir(folder) as entries:
        yield from sorted(entry.name for entry in entries)
