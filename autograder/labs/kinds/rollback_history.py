"""What a git repository says, read without git: it was in a stranger's hands, and git does what its config tells it.

Only loose objects are read, as ``git commit`` and ``git revert`` write them; the name of each is checked against its
content, so that an old commit which is found under its name is the old commit.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST: Final = 4 << 20
_MOST_COMMITS: Final = 500
_DEEPEST: Final = 16
_NAME: Final = re.compile(r"[0-9a-f]{40}")
_FOLDER: Final = b"40000"


class UnreadableError(Exception):
    """Something of the repository is missing, damaged, or packed; the message is for the learner."""


@dataclass(frozen=True)
class Commit:
    """One commit: its name, those before it, its message, and the name of its folder of files."""

    name: str
    parents: tuple[str, ...]
    message: str
    tree: str


class Repository:
    """The files of a ``.git`` folder, by path within it."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    @property
    def branch(self) -> str:
        """The branch that is checked out; empty if none is."""
        head = self._files.get("HEAD", b"").decode(errors="replace").strip()
        return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else ""

    def tip(self, branch: str) -> str:
        """The name of the last commit of ``branch``. Raises :class:`UnreadableError` if there is no such branch."""
        name = self._files.get(f"refs/heads/{branch}", b"").decode(errors="replace").strip()
        if not name:
            packed = self._files.get("packed-refs", b"").decode(errors="replace").splitlines()
            name = next((line.split()[0] for line in packed if line.endswith(f" refs/heads/{branch}")), "")
        if not _NAME.fullmatch(name):
            raise UnreadableError(f"there is no branch {branch}")
        return name

    def commits(self, tip: str) -> dict[str, Commit]:
        """Every commit that leads to ``tip``, by name, the newest first."""
        found: dict[str, Commit] = {}
        todo = [tip]
        while todo:
            name = todo.pop(0)
            if name in found:
                continue
            if len(found) >= _MOST_COMMITS:
                raise UnreadableError(f"there are more than {_MOST_COMMITS} commits")
            found[name] = self._commit(name)
            todo += found[name].parents
        return found

    def _commit(self, name: str) -> Commit:
        head, _, message = self._object(name, b"commit").decode(errors="replace").partition("\n\n")
        rows = [line.split(" ", 1) for line in head.splitlines() if " " in line]
        parents = tuple(value for key, value in rows if key == "parent")
        tree = next((value for key, value in rows if key == "tree"), "")
        return Commit(name, parents, message, tree)

    def files(self, tree: str, depth: int = 0) -> dict[str, bytes]:
        """The files of a commit's folder, by path."""
        if depth > _DEEPEST:
            raise UnreadableError("its folders are nested too deep")
        data, found = self._object(tree, b"tree"), dict[str, bytes]()
        while data:
            entry, _, rest = data.partition(b"\0")
            mode, _, label = entry.partition(b" ")
            name, data = rest[:20].hex(), rest[20:]
            path = label.decode(errors="replace")
            if mode == _FOLDER:
                found |= {f"{path}/{below}": text for below, text in self.files(name, depth + 1).items()}
            else:
                found[path] = self._object(name, b"blob")
        return found

    def _object(self, name: str, kind: bytes) -> bytes:
        packed = self._files.get(f"objects/{name[:2]}/{name[2:]}") if _NAME.fullmatch(name) else None
        if packed is None:
            raise UnreadableError(f"the object {name[:12]} is not there as a file of its own")
        try:
            data = zlib.decompressobj().decompress(packed, _LARGEST)
        except zlib.error as error:
            raise UnreadableError(f"the object {name[:12]} is damaged") from error
        # git names its objects so; nobody's safety rests on it.
        if hashlib.sha1(data, usedforsecurity=False).hexdigest() != name:
            raise UnreadableError(f"the object {name[:12]} is not what its name says")
        head, _, content = data.partition(b"\0")
        if head.split(b" ")[0] != kind:
            raise UnreadableError(f"the object {name[:12]} is no {kind.decode()}")
        return content
