"""The configs that somebody wants inspected: found, read from disk, and told apart. Nothing is believed about them."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.stack.folder import FolderError, read_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import BinaryIO

MAX_MAIN = 4 * 1024 * 1024
"""The largest file a balancer is started with; the largest generated ones seen in the wild are half of that."""
SMALL = 400
"""A folder with more files than this is nobody's config folder."""
SMALL_BYTES = 16 * 1024 * 1024
MAIN = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}
_SECTION = re.compile(r"^(?:global|defaults|(?:frontend|backend|listen)\s+\S+)", re.M)
_BLOCK = re.compile(r"^\s*(?:events|http|stream|server|upstream|location|user|worker_processes)\b[^\n]*[{;]", re.M)
_SKIPPED = (".git", ".ipynb_checkpoints")


class ConfigError(ManyHandsError):
    """A config that cannot be read, or of which nobody can tell what it is."""


@dataclass(frozen=True)
class Config:
    """One config. ``files`` are relative to the folder of ``main``; ``notes`` say what was left out, and why."""

    name: str
    """As the user named it."""
    files: Mapping[str, bytes]
    main: str
    proxy: str
    notes: tuple[str, ...] = ()


def read_configs(words: Iterable[str], proxy: str, stdin: BinaryIO) -> Iterator[Config]:
    """Every config of a command line: files, ``-`` for standard input, folders with main configs in or below them.

    ``proxy`` is ``nginx`` or ``haproxy``, or empty to tell by name and content. Raises :class:`ConfigError`.
    """
    for word in words:
        if word == "-":
            text = _checked(stdin.read(MAX_MAIN + 1), "standard input")
            kind = proxy or kind_of("", text, "standard input")
            yield Config("-", {MAIN[kind]: text}, MAIN[kind], kind)
        elif Path(word).is_dir():
            yield from (read_config(path, proxy) for path in _mains(Path(word)))
        else:
            yield read_config(Path(word), proxy)


def read_config(path: Path, proxy: str = "") -> Config:
    """One config with the folder it lies in, if that is small. Raises :class:`ConfigError`."""
    text = _checked(_plain_file(path), str(path))
    kind = proxy or kind_of(path.name, text, str(path))
    alone = {path.name: text}
    folder = path.resolve().parent
    if path.name != path.resolve().name:
        folder = path.absolute().parent
    if not _small(folder):
        why = f"{folder} is too large for a config folder, so only the file itself was read"
        return Config(str(path), alone, path.name, kind, (why,))
    try:
        return Config(str(path), {**read_folder(folder), **alone}, path.name, kind)
    except FolderError as error:
        return Config(str(path), alone, path.name, kind, (f"only the file itself was read: {error.what}",))


def kind_of(name: str, text: bytes, where: str) -> str:
    """Whether a config is nginx's or HAProxy's. Raises :class:`ConfigError` if it looks like neither."""
    lower = name.lower()
    for kind in MAIN:
        if kind in lower:
            return kind
    decoded = text.decode("utf-8", "replace")
    if _SECTION.search(decoded):
        return "haproxy"
    if _BLOCK.search(decoded):
        return "nginx"
    raise ConfigError(
        "this looks like neither nginx nor HAProxy",
        where=where,
        remedy="say which one reads it: --proxy nginx or --proxy haproxy",
    )


def _mains(folder: Path) -> list[Path]:
    found: list[Path] = []
    for place, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith(_SKIPPED))
        found += [Path(place) / name for name in sorted(names) if name in MAIN.values()]
    if not found:
        raise ConfigError(
            "there is no nginx.conf and no haproxy.cfg in or below this folder",
            where=str(folder),
            remedy="name the file that the balancer is started with",
        )
    return found


def _plain_file(path: Path) -> bytes:
    try:
        # O_NONBLOCK: opening a FIFO must not wait for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        remedy = "check the spelling" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(f"cannot read {path}", why=error.strerror or "", remedy=remedy) from None
    except ValueError:
        raise ConfigError("no file has a name like that", remedy="check the spelling") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError(f"{path} is not a plain file", remedy="name a file, or - to read standard input")
        return file.read(MAX_MAIN + 1)


def _checked(text: bytes, where: str) -> bytes:
    if len(text) > MAX_MAIN:
        raise ConfigError(
            f"it holds more than {MAX_MAIN >> 20} MiB",
            where=where,
            why="no balancer is started with a file like that",
            remedy="name the file that the balancer is started with",
        )
    if not text.strip():
        raise ConfigError("it is empty", where=where, remedy="name the file that the balancer is started with")
    if b"\0" in text:
        raise ConfigError("it is not text", where=where, remedy="name the file that the balancer is started with")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"byte 0x{text[error.start]:02x} is not UTF-8",
            where=f"{where}:{line}",
            remedy="save it as UTF-8 (iconv -f latin1 -t utf-8 does, if that is what it is)",
        ) from None
    return text


def _small(folder: Path) -> bool:
    count = total = 0
    for place, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if not name.startswith(_SKIPPED)]
        count += len(names) + len(inner)
        if count > SMALL:
            return False
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_size
            except OSError:
                continue
        if total > SMALL_BYTES:
            return False
    return True
