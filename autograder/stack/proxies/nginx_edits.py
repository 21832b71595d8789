"""What can be changed in an nginx config, statement by statement.

Places are needed to the character, which no lexer at hand tells; what is found here is tried on nginx itself, so a
reading that is wrong makes a variant that nginx refuses, and no wrong verdict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autograder.stack.proxies.edits import Edit, decoded, quoted
from autograder.stack.proxies.nginx_syntax import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from autograder.stack.proxies.nginx_syntax import Statement

_TOKEN = re.compile(
    r"""[\s]+|\#[^\n]*|[;{}]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?:\$\{[^}]*\}|\\.|[^\s;{}\\])+""",
    re.DOTALL,
)
_SKELETON = frozenset(
    ["events", "http", "stream", "upstream", "listen", "server_name", "include", "pid", "user", "types"]
)
_INERT = re.compile(
    r"(?:access|error)_log|log_\w+|gzip\w*|ssl\w*|types\w*|default_type|client_\w+|keepalive\w*|send\w*|tcp_\w+|worker_\w+"
    r"|server_tokens|charset|root|index|add_header|expires|etag|proxy_(?:set_header|http_version|buffer\w*|redirect)"
    r"|proxy_\w*timeout|resolver\w*|map_hash\w*|server_names\w*|variables_hash\w*|daemon|http2|zone|limit_\w+|open_file\w*"
    r"|env|lock_file|master_process|use|multi_accept|aio|directio|output_buffers|reset_timedout_connection"
)
_PASS = re.compile(r"(?:proxy|grpc|fastcgi|uwsgi|scgi)_pass|pass")
_MOST = 2000


@dataclass
class _Piece:
    """A statement: where it begins and ends in the text, where its first word ends, and what is in its block."""

    start: int
    words: list[tuple[int, int]] = field(default_factory=list)
    end: int = 0
    inner: list[_Piece] | None = None


def nginx_edits(files: Mapping[str, bytes], main: str) -> Iterator[Edit]:
    """Every statement taken out, but for those that make it a config; servers of pools without their settings.

    A line that passes requests on is changed to pass them to each pool of several servers.
    """
    said = read_text(files, main)
    names = dict.fromkeys([main, *_files(said.statements)])
    pools = list(_pools(said.statements))
    for name in names:
        text = decoded(files[name])
        yield from _edits(name, text, _pieces(text), (), pools)


def _files(statements: Iterable[Statement]) -> Iterator[str]:
    for statement in statements:
        yield statement.word.file
        yield from _files(statement.block or ())


def _pools(statements: Iterable[Statement]) -> Iterator[str]:
    for statement in statements:
        if statement.name == "upstream" and statement.args:
            if sum(line.name == "server" for line in statement.block or ()) > 1:
                yield statement.values[0]
        elif statement.name in ("http", "stream"):
            yield from _pools(statement.block or ())


def _pieces(text: str) -> list[_Piece]:
    """The statements of one file, blocks with what is in them; as far as it can be read."""
    stack: list[list[_Piece]] = [[]]
    now: _Piece | None = None
    for count, token in enumerate(_TOKEN.finditer(text)):
        mark = token.group()
        if count > 40 * _MOST:
            break
        if mark[0].isspace() or (mark[0] == "#" and (now is None or text[token.start() - 1].isspace())):
            continue
        if mark == ";" and now is not None:
            now.end = token.end()
            now = None
        elif mark == "{" and now is not None:
            now.inner = []
            stack.append(now.inner)
            now = None
        elif mark == "}" and len(stack) > 1:
            stack.pop()
            stack[-1][-1].end = token.end()
            now = None
        elif mark not in (";", "{", "}"):
            if now is None:
                now = _Piece(token.start())
                stack[-1].append(now)
            now.words.append(token.span())
    return stack[0]


def _edits(file: str, text: str, pieces: Iterable[_Piece], around: tuple[str, ...], pools: list[str]) -> Iterator[Edit]:
    for piece in pieces:
        words = [text[start:end] for start, end in piece.words]
        if not piece.end or not words:
            continue
        name = words[0]
        inner = [*_edits(file, text, piece.inner or (), (*around, name), pools)]
        in_pool = around[-1:] == ("upstream",)
        if name == "server" and in_pool:
            if len(words) > 2:
                yield _edit(file, text, piece, piece.words[2][0], f"server {words[1]};")
        elif _PASS.fullmatch(name) and len(words) > 1 and around:
            for pool in pools:
                scheme = words[1].partition("://")[0] + "://" if "://" in words[1] else ""
                instead = f"{name} {scheme}{pool};"
                if words[1:] != [f"{scheme}{pool}"]:
                    yield _edit(file, text, piece, piece.words[1][0], instead)
        elif name not in _SKELETON and not (name == "server" and piece.inner is not None):
            chooses = around[-1:] in (("map",), ("geo",), ("split_clients",))
            yield _edit(file, text, piece, piece.start, "", inert=bool(_INERT.fullmatch(name)) and not chooses)
        yield from inner


def _edit(file: str, text: str, piece: _Piece, about: int, instead: str, *, inert: bool = False) -> Edit:
    # What a block is about is its head.
    last = piece.words[-1][1]
    line, quote, columns = quoted(text, about, last)
    return Edit(file, line, piece.start, piece.end, quote, columns, instead, inert)
