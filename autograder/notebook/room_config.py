"""The config of an open lab as it is in its files: coloured words, and lines against the last known good."""

from __future__ import annotations

import difflib
import itertools
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from autograder.labs.examiner import CONFIG_FOLDER
from autograder.notebook.frame import ConfigNow, Line
from autograder.notebook.room_checks import stamps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autograder.notebook.session import LabSession

_PIECES = {
    "nginx": re.compile(r"""(?P<comment>\#.*)|(?P<string>"[^"]*"?|'[^']*'?)|(?P<punctuation>[{};])|(?P<text>\s+)"""
                        r"""|(?P<word>[^\s{};]+)"""),
    "haproxy": re.compile(r"""(?P<comment>\#.*)|(?P<string>"[^"]*"?|'[^']*'?)|(?P<punctuation>(?!))|(?P<text>\s+)"""
                          r"""|(?P<word>\S+)"""),
}  # fmt: skip
_OPENS_STATEMENT = ("{", "}", ";")
_LONGEST = 2000
"""Lines of a file that are shown; a lab's have a tenth of it."""


def compared(mine: bytes, other: bytes | None, proxy: str) -> tuple[Line, ...]:
    """The lines of ``mine`` with those of ``other`` that it lacks; ``None`` if there is nothing to compare with."""
    return tuple(itertools.islice(_compared(mine, mine if other is None else other, proxy), _LONGEST))


def _compared(mine: bytes, other: bytes, proxy: str) -> Iterator[Line]:
    now, before = _text(mine), _text(other)
    now_words, before_words = list(_coloured(now, proxy)), list(_coloured(before, proxy))
    matcher = difflib.SequenceMatcher(None, before, now, autojunk=False)
    for _, a, b, c, d in matcher.get_opcodes():
        same = before[a:b] == now[c:d]
        if not same:
            yield from (Line("-", n + 1, before_words[n]) for n in range(a, b))
        yield from (Line(" " if same else "+", n + 1, now_words[n]) for n in range(c, d))


def _text(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines()


def _coloured(lines: list[str], proxy: str) -> Iterator[tuple[tuple[str, str], ...]]:
    """The words of each line with their kinds; joined they are the line."""
    pieces = _PIECES.get(proxy, _PIECES["nginx"])
    first = True
    for line in lines:
        if proxy == "haproxy":
            first = True
        words: list[tuple[str, str]] = []
        for piece in pieces.finditer(line):
            kind = piece.lastgroup or "text"
            if kind == "word":
                kind, first = ("name" if first else "value"), False
            elif kind == "punctuation":
                first = piece.group() in _OPENS_STATEMENT
            words.append((piece.group(), kind))
        yield tuple(words)


class Configs:
    """The configs' part of a frame; worked out again only when a file or what runs has changed."""

    def __init__(self, session: LabSession) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._files: Mapping[str, tuple[int, int]] = {}
        self._now: tuple[ConfigNow, ...] | None = None

    def changed(self) -> None:
        """Something was done."""
        with self._lock:
            self._now = None

    def now(self) -> tuple[ConfigNow, ...]:
        """Every config file as it is."""
        files = stamps(self._session)
        with self._lock:
            if self._now is None or files != self._files:
                self._files = files
                self._now = tuple(_configs_now(self._session))
            return self._now


def _configs_now(session: LabSession) -> Iterator[ConfigNow]:
    mine = session.config()
    runs = dict(session.running.running or {})
    good = session.ran.good
    refused, faults = session.refused
    other, against = (dict(good), "the last known good") if good is not None else (runs, "what runs")
    for name in sorted(mine):
        complaint = ""
        if mine == refused and faults:
            said = [fault for fault in faults if fault.file == name] or faults[:1]
            complaint = "\n".join(str(replace(one, file=CONFIG_FOLDER + one.file if one.file else "")) for one in said)
        yield ConfigNow(
            path=CONFIG_FOLDER + name,
            state=_state(name, mine, runs, session.rolled_back, complaint),
            lines=compared(mine[name], other.get(name), session.lab.stack.balancer.proxy),
            compared_with=against if name in other else "nothing",
            complaint=complaint,
        )


def _state(
    name: str,
    mine: Mapping[str, bytes],
    runs: Mapping[str, bytes],
    rolled_back: Mapping[str, bytes] | None,
    complaint: str,
) -> str:
    if complaint:
        return "refused"
    if mine[name] != runs.get(name):
        return "changed"
    return "rolled-back" if rolled_back is not None and rolled_back.get(name) == mine[name] else "running"
