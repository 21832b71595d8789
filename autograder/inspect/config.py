"""The configs that somebody wants inspected: found, read from disk, and told apart. Nothing is believed about them."""

from __future__ import annotations

import codecs
import functools
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.inspect.folder import beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import BinaryIO

MAX_MAIN = 4 * 1024 * 1024
"""The largest file a balancer is started with; the largest generated ones seen in the wild are half of that."""
MOST_SEARCHED = 200_000
"""So many files are looked at for configs, at most."""
MAIN = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}
_SECTION = re.compile(r"^(?:global|defaults|(?:frontend|backend|listen)\s+\S+)", re.M)
_BLOCK = re.compile(r"^\s*(?:events|http|stream|server|upstream|location|user|worker_processes)\b[^\n]*[{;]", re.M)


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


def named(words: Iterable[str]) -> tuple[str, ...]:
    """Every config that a command line names, once: files, ``-``, and the main configs in or below folders.

    A folder without any stays what it is; reading it says so.
    """
    found: dict[str, None] = {}
    for word in words:
        inside = _mains(Path(word)) if word != "-" and _is_folder(word) else []
        found |= dict.fromkeys(map(str, inside) if inside else [word])
    return tuple(found)


class Reader:
    """Reads configs that were named. ``proxy`` is ``nginx`` or ``haproxy``, or empty to tell by name and content."""

    def __init__(self, proxy: str = "", stdin: BinaryIO | None = None) -> None:
        self._proxy = proxy
        self._stdin = stdin
        # Many configs may lie in one folder.
        self._beside = functools.lru_cache(maxsize=2)(beside)

    def read(self, name: str) -> Config:
        """One config of :func:`named`. Raises :class:`ConfigError`."""
        if name == "-":
            return self._standard_input()
        if _is_folder(name):
            raise ConfigError(
                "there is no nginx.conf and no haproxy.cfg in or below this folder",
                where=printable(name),
                remedy="name the file that the balancer is started with",
            )
        return self._file(Path(name))

    def _standard_input(self) -> Config:
        if self._stdin is None:
            raise ConfigError("standard input is closed", remedy="name a file, or send a config: … inspect - < FILE")
        try:
            text = _checked(self._stdin.read(MAX_MAIN + 1), "standard input")
        except OSError as error:
            raise ConfigError("cannot read standard input", why=error.strerror or "") from None
        kind = self._proxy or kind_of("", text, "standard input")
        return Config("-", {MAIN[kind]: text}, MAIN[kind], kind, _marked(text, kind))

    def _file(self, path: Path) -> Config:
        text = _checked(_plain_file(path), printable(str(path)))
        kind = self._proxy or kind_of(path.name, text, printable(str(path)))
        folder = path.resolve().parent
        if path.name != path.resolve().name:
            folder = path.absolute().parent.resolve()
        around = self._beside(folder)
        files = {**around.files, path.name: text}
        return Config(str(path), files, path.name, kind, (*_marked(text, kind), *around.notes))


def read_configs(words: Iterable[str], proxy: str, stdin: BinaryIO | None) -> Iterator[Config]:
    """Every config of a command line, read. Raises :class:`ConfigError` at the first that cannot be."""
    reader = Reader(proxy, stdin)
    return map(reader.read, named(words))


def read_config(path: Path, proxy: str = "") -> Config:
    """One config with the folder it lies in, if that is small. Raises :class:`ConfigError`."""
    return Reader(proxy).read(str(path))


def printable(text: str) -> str:
    """Somebody else's words, safe to print on a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _marked(text: bytes, kind: str) -> tuple[str, ...]:
    if not text.startswith(codecs.BOM_UTF8):
        return ()
    return (f"it begins with a byte order mark, which {kind} may take for a part of the first word",)


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


def _is_folder(word: str) -> bool:
    try:
        return Path(word).is_dir()
    except (OSError, ValueError):
        return False


def _mains(folder: Path) -> list[Path]:
    """The main configs in or below a folder, but in hidden ones. Raises :class:`ConfigError` for half a disk."""
    found: list[Path] = []
    seen = 0
    for place, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        found += [Path(place) / name for name in sorted(names) if name in MAIN.values()]
        seen += len(names) + len(inner)
        if seen > MOST_SEARCHED:
            raise ConfigError(
                f"this folder holds more than {MOST_SEARCHED:,} files",
                where=printable(str(folder)),
                remedy="name the folder that the configs are in",
            )
    return found


def _plain_file(path: Path) -> bytes:
    try:
        # O_NONBLOCK: opening a FIFO must not wait for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        remedy = "check the spelling" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(f"cannot read {printable(str(path))}", why=error.strerror or "", remedy=remedy) from None
    except ValueError:
        raise ConfigError("no file has a name like that", remedy="check the spelling") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError(
                f"{printable(str(path))} is not a plain file", remedy="name a file, or - to read standard input"
            )
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
