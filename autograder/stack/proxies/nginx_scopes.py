"""An nginx config laid flat: every statement with the blocks it stands in, what it inherits, and constant variables."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.stack.proxies.reading import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autograder.stack.proxies.nginx_syntax import Statement, Word

KINDS = ("http", "stream", "mail")
_INHERITED = frozenset(
    [
        *(
            "http2",
            "ssl",
            "ssl_preread",
            "proxy_ssl",
            "proxy_http_version",
            "proxy_protocol",
            "root",
            "ssl_certificate",
        ),
        *(f"{kind}_ssl_{what}" for kind in ("proxy", "grpc", "uwsgi") for what in ("verify", "name", "server_name")),
    ]
)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_CHOOSERS = ("map", "split_clients", "geo")
_GEO_WORDS = ("delete", "proxy", "proxy_recursive", "ranges")
_MOST = 64
"""Values that one text with variables may have; more are not worth a stand-in each."""
_DEEP = 5


@dataclass(frozen=True)
class Said:
    """A statement where it stands.

    ``kind`` is one of :data:`KINDS`, empty outside of them; ``blocks`` the names of the blocks around it, outermost
    first; ``settings`` what holds there of the directives that are inherited; ``server`` and ``scope`` number the
    ``server`` block and the innermost block it is in (0: none).
    """

    statement: Statement
    kind: str
    blocks: tuple[str, ...]
    settings: Mapping[str, Statement]
    server: int
    scope: int

    @property
    def name(self) -> str:
        """The directive."""
        return self.statement.name

    @property
    def values(self) -> tuple[str, ...]:
        """Its arguments."""
        return self.statement.values

    def setting(self, name: str) -> str:
        """First argument of an inherited directive, empty if nobody says it."""
        found = self.settings.get(name)
        return found.values[0] if found is not None and found.args else ""


def flat(statements: Sequence[Statement]) -> list[Said]:
    """Every statement, in the order it is written, each block before what is in it."""
    numbers = itertools.count(1)

    def walk(
        inner: Sequence[Statement], kind: str, blocks: tuple[str, ...], settings: Mapping[str, Statement], server: int
    ) -> Iterator[Said]:
        scope = next(numbers)
        here = {**settings, **{s.name: s for s in inner if s.name in _INHERITED and s.args}}
        for statement in inner:
            opens = statement.name == "server" and statement.block is not None
            own = next(numbers) if opens else server
            yield Said(statement, kind, blocks, here, own, scope)
            if statement.block:
                deeper = statement.name if not kind and statement.name in KINDS else kind
                yield from walk(statement.block, deeper, (*blocks, statement.name), here, own)

    return list(walk(statements, "", (), {}, 0))


def place(word: Word, folder: str) -> Place:
    """Where a word stands, its file relative to ``folder``."""
    return Place(word.file.removeprefix(f"{folder}/") if folder else word.file, word.line)


class Constants:
    """Variables that the config itself gives values to: ``set``, ``map``, ``split_clients``, ``geo``."""

    def __init__(self, said: Sequence[Said]) -> None:
        self._values: dict[str, dict[str, None]] = {}
        for one in said:
            if one.name == "set" and len(one.values) == 2:
                self._add(one.values[0], one.values[1])
            elif one.name in _CHOOSERS and one.statement.block and one.values:
                for line in one.statement.block:
                    if line.args and not (one.name == "geo" and line.name in _GEO_WORDS):
                        self._add(one.values[-1], line.values[-1])

    def _add(self, variable: str, value: str) -> None:
        self._values.setdefault(variable.lstrip("$"), {})[value] = None

    def expand(self, text: str, also: Mapping[str, Sequence[str]] | None = None) -> tuple[tuple[str, ...], bool]:
        """The values that ``text`` can have, and whether these are all.

        ``also`` are values of variables that nginx itself sets. At most 64 values are given.
        """
        known: dict[str, Sequence[str]] = {**{k: tuple(v) for k, v in self._values.items()}, **(also or {})}
        found: dict[str, None] = {}
        whole = True
        left = [(text, 0)]
        while left:
            part, depth = left.pop(0)
            match = _VARIABLE.search(part)
            if match is None:
                found[part] = None
            elif depth == _DEEP or (match[1] or match[2]) not in known or len(left) + len(found) > _MOST:
                whole = False
            else:
                values = known[match[1] or match[2]]
                left += [(part[: match.start()] + value + part[match.end() :], depth + 1) for value in values]
        return tuple(found)[:_MOST], whole and len(found) <= _MOST
