"""A HAProxy config as it is written: bytes in memory → words with their places → sections and what they inherit.

Reads as HAProxy does (docs.haproxy.org/2.8/configuration.html#2.2 quoting, #2.3 variables, #4 defaults; the tests
compare it with the program word by word). The text may come from anybody: nothing outside the given files is ever
opened, and every kind of growth has a limit. A line that HAProxy would refuse is left out and told in ``faults``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from autograder.stack.proxies.nginx_syntax import TooLargeError, UnreadableError, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_BYTES = 2 * 1024 * 1024
"""Text read for one config, all files together: ten thousand servers are one."""
MAX_LINES = 40_000
MAX_WORDS = 64
"""Words that HAProxy takes on one line."""
_LONGEST = 64 * 1024
"""Characters of one line once its variables are put in."""
_SECTIONS = """
global defaults frontend backend listen peers resolvers userlist mailers cache program http-errors ring log-forward
fcgi-app crt-store log-profile traces acme
"""
SECTIONS = frozenset(_SECTIONS.split())
PROXIES = ("frontend", "backend", "listen")
_SPACE = " \t\v\f"
_GAP = _SPACE + "\r"
"""A carriage return ends a line where a word ends, and is skipped where one might begin."""
_PLAIN = re.compile(r"[^ \t\v\f]+")
_SPECIAL = re.compile(r"[\"'\\#\r\0]")
_ESCAPES = {" ": " ", "\\": "\\", "t": "\t", "n": "\n", "r": "\r", "#": "#", "'": "'", '"': '"'}
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(\[\*\])|-([^}]*))?\})", re.ASCII)


@dataclass(frozen=True)
class Line:
    """The words of one line. ``conditional``: it stands between ``.if`` and ``.endif``."""

    words: tuple[Word, ...]
    conditional: bool = False

    @property
    def name(self) -> str:
        """The keyword."""
        return self.words[0].text

    @property
    def values(self) -> tuple[str, ...]:
        """The arguments as text."""
        return tuple(word.text for word in self.words[1:])


@dataclass(frozen=True)
class Section:
    """A section and the ``defaults`` section it inherits from, which may inherit in turn."""

    kind: str
    name: str
    head: Line
    lines: tuple[Line, ...]
    defaults: Section | None = None

    def named(self, *names: str) -> tuple[Line, ...]:
        """The section's own lines with these keywords."""
        if len(names) == 1:
            return self._by_name.get(names[0], ())
        return tuple(line for line in self.lines if line.name in names)

    @cached_property
    def _by_name(self) -> dict[str, tuple[Line, ...]]:
        found: dict[str, list[Line]] = {}
        for line in self.lines:
            found.setdefault(line.name, []).append(line)
        return {name: tuple(lines) for name, lines in found.items()}

    def inherited(self, *names: str) -> tuple[Line, ...]:
        """Lines with these keywords, inherited ones first: where only one can hold, the last one does."""
        above: tuple[Line, ...] = self.defaults.inherited(*names) if self.defaults else ()
        return above + self.named(*names)

    def option(self, name: str) -> Line | None:
        """The line that turns ``option NAME`` on, its own or inherited; None if it is off."""
        found: Line | None = None
        for line in self.inherited("option", "no"):
            words = line.values
            if line.name == "option" and words[:1] == (name,):
                found = line
            elif line.name == "no" and words[:2] == ("option", name):
                found = None
        return found


@dataclass(frozen=True)
class Fault:
    """A line that cannot be read."""

    word: Word
    message: str


@dataclass(frozen=True)
class Config:
    """A config as far as it can be read. ``unset`` are words with a variable that has no value, with its name."""

    sections: tuple[Section, ...]
    unset: tuple[tuple[Word, str], ...] = ()
    faults: tuple[Fault, ...] = ()

    def of_kind(self, *kinds: str) -> tuple[Section, ...]:
        """Sections of these kinds, as they come."""
        return tuple(section for section in self.sections if section.kind in kinds)


def config_files(files: Mapping[str, bytes], main: str) -> tuple[str, ...]:
    """The files that ``haproxy -f main`` reads: that one, or those of the folder that end in ``.cfg``, in order."""
    if main in files:
        return (main,)
    folder = main.rstrip("/") + "/"
    inside = (name.removeprefix(folder) for name in files if name.startswith(folder))
    return tuple(folder + name for name in sorted(inside) if re.fullmatch(r"[^./][^/]*\.cfg", name))


def read_sections(files: Mapping[str, bytes], main: str, environment: Mapping[str, str] | None = None) -> Config:
    """The sections of ``main``, variables put in. Raises :class:`UnreadableError` if it is not there or too large."""
    names = config_files(files, main)
    if not names:
        raise UnreadableError(f"there is no {main}")
    reading = _Reading(dict(environment or {}))
    for name in names:
        reading.file(name, files[name])
    return reading.done()


@dataclass
class _Open:
    """A section being read."""

    head: Line
    defaults: Section | None
    lines: list[Line] = field(default_factory=list)


class _Reading:
    """One config being read: what was read, and how much more may be."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._sections: list[Section] = []
        self._open: _Open | None = None
        self._defaults: Section | None = None
        self._named: dict[str, Section] = {}
        self._unset: list[tuple[Word, str]] = []
        self._faults: list[Fault] = []
        self._bytes_left = MAX_BYTES
        self._lines_left = MAX_LINES

    def file(self, name: str, data: bytes) -> None:
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise TooLargeError(f"more than {MAX_BYTES} bytes of config")
        self._close()  # a section ends with its file
        depth = 0
        for number, source in enumerate(data.decode("utf-8", errors="replace").split("\n"), 1):
            words = self._words(name, number, source)
            if not words:
                continue
            self._lines_left -= 1
            if self._lines_left < 0:
                raise TooLargeError(f"more than {MAX_LINES} lines of config")
            line = Line(words, depth > 0)
            if line.name.startswith("."):
                depth = max(0, depth + {".if": 1, ".endif": -1}.get(line.name, 0))
            elif line.name in SECTIONS:
                self._begin(line)
            elif self._open is not None:
                self._open.lines.append(line)
                if self._open.head.name == "global":
                    self._set(line)
            else:
                self._faults.append(Fault(line.words[0], "stands before the first section"))

    def done(self) -> Config:
        self._close()
        return Config(tuple(self._sections), tuple(self._unset), tuple(self._faults))

    def _begin(self, line: Line) -> None:
        self._close()
        defaults: Section | None = None
        values = line.values
        if line.name in (*PROXIES, "defaults"):
            # `defaults NAME from OTHER`, `frontend NAME from OTHER`; a defaults section alone inherits from nobody.
            defaults = None if line.name == "defaults" else self._defaults
            at = 0 if line.name == "defaults" and values[:1] == ("from",) else 1
            if values[at : at + 1] == ("from",) and len(values) > at + 1:
                defaults = self._named.get(values[at + 1])
                if defaults is None:
                    self._faults.append(Fault(line.words[at + 2], "there is no defaults section of this name above"))
        self._open = _Open(line, defaults)

    def _close(self) -> None:
        if self._open is None:
            return
        head, values = self._open.head, self._open.head.values
        name = values[0] if values and not (head.name == "defaults" and values[0] == "from") else ""
        section = Section(head.name, name, head, tuple(self._open.lines), self._open.defaults)
        self._sections.append(section)
        if section.kind == "defaults":
            self._defaults = section
            if name:
                self._named[name] = section
        self._open = None

    def _set(self, line: Line) -> None:
        values = line.values
        if line.name in ("setenv", "presetenv") and len(values) == 2:
            if line.name == "setenv" or values[0] not in self._environment:
                self._environment[values[0]] = values[1]
        elif line.name == "unsetenv":
            for name in values:
                self._environment.pop(name, None)
        elif line.name == "resetenv":
            self._environment = {name: value for name, value in self._environment.items() if name in values}

    def _words(self, file: str, number: int, source: str) -> tuple[Word, ...]:
        if not _SPECIAL.search(source):
            plain = tuple(
                Word(found.group(), file, number, source, found.start(), len(found.group()))
                for found in _PLAIN.finditer(source)
            )
            if len(plain) <= MAX_WORDS:
                return plain
        lexer = _LineLexer(file, number, source, self._environment)
        try:
            words = tuple(lexer.words())
        except _LineError as error:
            self._faults.append(Fault(Word(source.strip(), file, number, source, error.column, 1), str(error)))
            words = ()
        self._unset += lexer.unset
        self._bytes_left -= lexer.grown
        if len(words) > MAX_WORDS:
            self._faults.append(Fault(words[MAX_WORDS], f"more than {MAX_WORDS} words on one line"))
            words = words[:MAX_WORDS]
        # An empty first word hides the line, as in HAProxy.
        return words if words and words[0].text else ()


class _LineError(Exception):
    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


class _LineLexer:
    """The words of one line that has quotes, escapes or a comment."""

    def __init__(self, file: str, number: int, source: str, environment: Mapping[str, str]) -> None:
        self.unset: list[tuple[Word, str]] = []
        self._file, self._number, self._source = file, number, source
        self._environment = environment
        self.grown = 0

    def words(self) -> Iterator[Word]:
        source, at, end = self._source, 0, len(self._source)
        while True:
            while at < end and source[at] in _GAP:
                at += 1
            if at >= end or source[at] in "#\0":
                return
            begin, quote, texts, unset, at = self._word(at)
            if quote:
                raise _LineError("unmatched quote", begin)
            if texts == [""] and unset:
                self.unset += [(Word("", self._file, self._number, source, begin, at - begin), name) for name in unset]
                continue
            found = [Word(text, self._file, self._number, source, begin, at - begin) for text in texts]
            self.unset += [(found[-1], name) for name in unset]
            yield from found
            if source[at : at + 1] == "\r":
                return

    def _word(self, at: int) -> tuple[int, str, list[str], list[str], int]:
        """One word from ``at``: its beginning (or that of an open quote), that quote, texts, unset names, its end.

        It is more than one text only where a list of values is put in (``"${SERVERS[*]}"``).
        """
        source, end = self._source, len(self._source)
        begin, quote, opened = at, "", at
        texts, text, unset = [], "", []
        while at < end:
            char = source[at]
            if char in "\r\0" or (not quote and (char in _SPACE or char == "#")):
                break
            if char in "\"'" and quote in ("", char):
                quote, opened = ("" if quote else char), at
                at += 1
            elif char == "\\" and quote != "'":
                piece, at = self._escape(at, quote)
                text += piece
            elif char == "$" and quote == '"':
                pieces, missing, at = self._variable(at)
                unset += missing
                if missing and source[at : at + 1] == '"':
                    # HAProxy skips the quote and the space behind it, too: the next word joins this one.
                    quote, at = "", at + 1
                    while at < end and source[at] in _GAP:
                        at += 1
                texts += [text + pieces[0], *pieces[1:-1]] if len(pieces) > 1 else []
                text = pieces[-1] if len(pieces) > 1 else text + pieces[0]
            else:
                text += char
                at += 1
        return (opened if quote else begin), quote, [*texts, text], unset, at

    def _escape(self, at: int, quote: str) -> tuple[str, int]:
        after = self._source[at + 1 : at + 2]
        if after == "x":
            digits = self._source[at + 2 : at + 4]
            if not re.fullmatch(r"[0-9A-Fa-f]{2}", digits):
                raise _LineError("no hexadecimal digits after \\x", at)
            return chr(int(digits, 16)), at + 4
        if after in _ESCAPES and after:
            return _ESCAPES[after], at + 2
        if after == "$" and quote:
            return "$", at + 2
        return "\\", at + 1

    def _variable(self, at: int) -> tuple[list[str], list[str], int]:
        """What a variable stands for (several words if it is a list), its name if it has no value, and its end."""
        found = _VARIABLE.match(self._source, at)
        if found is None:
            raise _LineError("no name of a variable after $", at)
        plain, braced, spread, default = found.groups()
        name = plain or braced
        value: str | None = self._environment.get(name, default)
        self.grown += len(value or "")
        if self.grown > _LONGEST:
            raise TooLargeError(f"{self._file}:{self._number}: too long once its variables are put in")
        pieces = (value or "").split() if spread else [value or ""]
        # No default, and nothing set: HAProxy goes on with an empty text, which is seldom what was meant.
        missing = [name] if value is None else []
        return pieces or [""], missing, found.end()
