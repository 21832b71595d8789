"""An nginx config as it is written: bytes in memory → words with their places → statements, includes put in.

The text may come from anybody. Nothing outside the given files is ever opened, and every kind of growth has a limit
below; beyond one the config is :class:`UnreadableError`, never a crash and never a half-read tree.
"""

from __future__ import annotations

import fnmatch
import os
import posixpath
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_BYTES = 512 * 1024
"""Text read for one config, all files together: about a second of reading; the largest real ones are a tenth."""
MAX_STATEMENTS = 20_000
"""Statements of one config after its includes are put in."""
MAX_DEPTH = 20
"""Blocks inside blocks; nginx itself needs six."""
MAX_INCLUDE_DEPTH = 8
HOME = "/etc/nginx"
"""Where the folder of the main file lies on a machine: absolute includes below it are found."""
_FAR = 400
"""A word is looked for at most this many characters after the one before it."""


class UnreadableError(Exception):
    """The config cannot be read as one: broken, or beyond a limit."""


class TooLargeError(UnreadableError):
    """The config is beyond a limit."""


@dataclass(frozen=True)
class Word:
    """One word and where it stands. ``column`` is None where the text differs from the word (escapes, many lines)."""

    text: str
    file: str
    line: int
    source: str
    """The whole line it begins on."""
    column: int | None
    width: int


@dataclass(frozen=True)
class Statement:
    """A directive with its arguments; ``block`` is None for one that ends in a semicolon."""

    word: Word
    args: tuple[Word, ...]
    block: tuple[Statement, ...] | None = None

    @property
    def name(self) -> str:
        """The directive."""
        return self.word.text

    @property
    def values(self) -> tuple[str, ...]:
        """The arguments as text."""
        return tuple(arg.text for arg in self.args)


@dataclass(frozen=True)
class Text:
    """A config as far as it can be read.

    ``missing`` are the arguments of includes without a pattern that name no file; ``broken`` says where reading
    stopped, and why (empty if it did not).
    """

    statements: tuple[Statement, ...]
    missing: tuple[Word, ...] = ()
    broken: tuple[str, ...] = ()


def read_statements(files: Mapping[str, bytes], main: str) -> tuple[Statement, ...]:
    """The statements of ``main``, each include replaced by what it names in ``files`` (nothing, if nothing).

    The folder of ``main`` stands for :data:`HOME`. Raises :class:`UnreadableError`.
    """
    return _Reading(files, posixpath.dirname(main)).file(main, 0)


def read_text(files: Mapping[str, bytes], main: str) -> Text:
    """As :func:`read_statements`, but what cannot be read is left out and said.

    Raises :class:`TooLargeError` alone, because half of a huge config would be a wrong answer.
    """
    reading = _Reading(files, posixpath.dirname(main), lenient=True)
    return Text(reading.file(main, 0), tuple(reading.missing), tuple(dict.fromkeys(reading.broken)))


class _Reading:
    """One config being read: what was read already, and how much more may be."""

    def __init__(self, files: Mapping[str, bytes], folder: str, *, lenient: bool = False) -> None:
        self.files = files
        self.folder = folder
        self.lenient = lenient
        self.parsed: dict[str, tuple[Statement, ...]] = {}
        self.bytes_left = MAX_BYTES
        self.statements_left = MAX_STATEMENTS
        self.missing: list[Word] = []
        self.broken: list[str] = []

    def file(self, name: str, depth: int) -> tuple[Statement, ...]:
        if name not in self.files or depth > MAX_INCLUDE_DEPTH:
            self._stop(f"{name} is not there, or includes itself")
            return ()
        if name not in self.parsed:
            data = self.files[name]
            self.bytes_left -= len(data)
            if self.bytes_left < 0:
                raise TooLargeError(f"more than {MAX_BYTES} bytes of config")
            self.parsed[name], fault = _statements(_words(name, data))
            if fault:
                self._stop(fault)
        return self._with_includes(self.parsed[name], depth)

    def _stop(self, fault: str) -> None:
        if not self.lenient:
            raise UnreadableError(fault)
        self.broken.append(fault)

    def _with_includes(self, statements: tuple[Statement, ...], depth: int) -> tuple[Statement, ...]:
        self.statements_left -= len(statements) + 1
        if self.statements_left < 0:
            raise TooLargeError(f"more than {MAX_STATEMENTS} statements")
        whole: list[Statement] = []
        for statement in statements:
            if statement.name == "include" and len(statement.args) == 1:
                named = self._named(statement.args[0].text)
                if not named and not set(statement.args[0].text) & set("*?["):
                    self.missing.append(statement.args[0])
                for name in named:
                    whole.extend(self.file(name, depth + 1))
            elif statement.block is not None:
                whole.append(replace(statement, block=self._with_includes(statement.block, depth)))
            else:
                whole.append(statement)
        return tuple(whole)

    def _named(self, pattern: str) -> list[str]:
        """Files an include names: those below the folder of the main file, as nginx resolves them."""
        pattern = pattern.removeprefix(f"{HOME}/")
        parts = pattern.split("/")
        if len(pattern) > 255 or pattern.startswith("/") or ".." in parts or pattern.count("*") > 4:
            return []
        wanted = posixpath.normpath(posixpath.join(self.folder, pattern)).split("/")
        return sorted(
            name
            for name in self.files
            if name.count("/") == len(wanted) - 1
            and all(fnmatch.fnmatchcase(have, want) for have, want in zip(name.split("/"), wanted, strict=True))
        )


_Token = tuple[Word, bool]
"""A word, and whether it was quoted: a quoted brace is no brace."""


def _words(name: str, data: bytes) -> Iterator[_Token]:
    """The words of one file. The lexer tells lines only; columns are found again in the text."""
    # Start-up counts for everybody; a lexer is needed only where a config is read.
    from crossplane.errors import NgxParserBaseException
    from crossplane.lexer import lex

    # nginx counts lines by newline alone; Python would count a lone carriage return too.
    text = data.decode("utf-8", errors="replace").replace("\r", " ")
    lines = text.split("\n")
    cursors: dict[int, int] = {}
    with tempfile.TemporaryFile() as file:
        # Without a last newline the lexer would drop the last word.
        file.write(text.encode("utf-8") + b"\n")
        file.seek(0)
        try:
            # The lexer opens what it is given and closes it: a descriptor has no name that anybody could swap.
            for token, line, quoted in lex(os.dup(file.fileno())):
                source = lines[line - 1]
                after = cursors.get(line, 0)
                column = source.find(token, after, after + len(token) + _FAR)
                if column >= 0:
                    cursors[line] = column + len(token)
                if quoted or not token.startswith("#"):
                    quotes = int(quoted and source[column + len(token) : column + len(token) + 1] in ("'", '"'))
                    place = column - quotes if column >= quotes else None
                    yield Word(token, name, line, source, place, len(token) + 2 * quotes), quoted
        except NgxParserBaseException as error:
            raise UnreadableError(str(error)) from error


def _statements(tokens: Iterator[_Token]) -> tuple[tuple[Statement, ...], str]:
    """Put words together into statements, without recursion: depth is the writer's choice, not ours.

    Returns what was whole before a fault, open blocks closed, and the fault (empty if there is none).
    """
    blocks: list[list[Statement]] = [[]]
    heads: list[list[Word]] = []
    words: list[Word] = []

    def close() -> None:
        head, inner = heads.pop(), blocks.pop()
        blocks[-1].append(Statement(head[0], tuple(head[1:]), tuple(inner)))

    fault = ""
    try:
        for word, quoted in tokens:
            mark = "" if quoted else word.text
            if mark == ";":
                if not words:
                    raise UnreadableError(f"{word.file}:{word.line}: nothing before ';'")
                blocks[-1].append(Statement(words[0], tuple(words[1:])))
                words = []
            elif mark == "{":
                if not words or len(blocks) > MAX_DEPTH:
                    raise UnreadableError(f"{word.file}:{word.line}: a block without a name, or too deep")
                heads.append(words)
                blocks.append([])
                words = []
            elif mark == "}":
                if words or not heads:
                    raise UnreadableError(f"{word.file}:{word.line}: unexpected '}}'")
                close()
            else:
                words.append(word)
        if words or heads:
            raise UnreadableError("the file ends in the middle of a statement")
    except UnreadableError as error:
        fault = str(error)
        while heads:
            close()
    return tuple(blocks[0]), fault
