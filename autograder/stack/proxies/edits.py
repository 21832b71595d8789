"""Small changes to somebody's config: take a statement out, or write it more plainly; lines stay where they are.

What is left over is blank, so a line number means the same in the config and in every variant of it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_KEPT = re.compile(r"[^\n]")


@dataclass(frozen=True)
class Edit:
    """One change: the characters ``start`` to ``end`` of ``file`` (decoded text) give way to ``instead``.

    ``line`` (from 1) and ``columns`` are where the words begin that the change is about; ``quote`` is that line without
    its indent, and ``columns`` count in it. ``inert`` tells that such a statement has nothing to do with who serves.
    """

    file: str
    line: int
    start: int
    end: int
    quote: str
    columns: tuple[int, int]
    instead: str = ""
    inert: bool = False


def edits_of(files: Mapping[str, bytes], main: str, proxy: str) -> tuple[Edit, ...]:
    """Every change of one statement of the config ``main`` that leaves a config; those most likely to matter first.

    Raises :class:`~autograder.stack.proxies.nginx_syntax.UnreadableError` for a config that cannot be read.
    """
    if proxy == "nginx":
        from autograder.stack.proxies.nginx_edits import nginx_edits

        found = list(nginx_edits(files, main))
    else:
        from autograder.stack.proxies.haproxy_edits import haproxy_edits

        found = list(haproxy_edits(files, main))
    return tuple(sorted(found, key=lambda edit: (edit.inert, bool(edit.instead))))


def edited(files: Mapping[str, bytes], edits: Iterable[Edit]) -> dict[str, bytes]:
    """The files with changes made. Of two that overlap, the outer one is made."""
    by_file: dict[str, list[Edit]] = defaultdict(list)
    for edit in edits:
        by_file[edit.file].append(edit)
    return {**files, **{name: _one(decoded(files[name]), mine).encode() for name, mine in by_file.items()}}


def decoded(data: bytes) -> str:
    """The text that offsets of edits count in."""
    return data.decode("utf-8", errors="replace")


def _one(text: str, edits: Iterable[Edit]) -> str:
    return "".join(_pieces(text, sorted(edits, key=lambda edit: (edit.start, -edit.end))))


def _pieces(text: str, edits: Iterable[Edit]) -> Iterator[str]:
    done = 0
    for edit in edits:
        if edit.start < done:
            continue
        yield text[done : edit.start]
        # As many lines as before.
        yield edit.instead + _KEPT.sub("", text[edit.start : edit.end])
        done = edit.end
    yield text[done:]


def quoted(text: str, start: int, end: int) -> tuple[int, str, tuple[int, int]]:
    """Line number, that line without its indent, and where ``start`` to ``end`` (on that line) are in it."""
    line = text.count("\n", 0, start) + 1
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", start)
    whole = text[begin : stop if stop >= 0 else len(text)]
    stripped = whole.strip()
    indent = len(whole) - len(whole.lstrip())
    first = start - begin - indent
    return line, stripped, (first, max(first + 1, min(end - begin - indent, len(stripped))))
