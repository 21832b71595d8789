"""What an nginx config says about balancing: pools, their servers, and the lines that pass requests on.

Thin on purpose: only what the catalogue asks for. Every part keeps the words it was read from, for file and line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.stack.proxies.nginx_syntax import Statement, Word, read_statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

METHODS = ("hash", "ip_hash", "least_conn", "least_time", "random")
"""Directives that choose a server; round robin has none. The last one in a block wins (measured: NX-21)."""
_PASSES = ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass")
_KEPT = ("proxy_next_upstream", "proxy_next_upstream_tries")
_OPERATIONS = re.compile(
    r"(?:^|[/^])(?:health\w*|live\w*|ready\w*|ping|(?:\w+_)?status|metrics|admin|\.well-known|acme\S*)(?:[/.$?)]|$)",
    re.I,
)


@dataclass(frozen=True)
class ServerLine:
    """One ``server`` line of a pool."""

    address: str
    word: Word
    weight: int = 1
    weight_word: Word | None = None
    down: Word | None = None
    backup: Word | None = None
    max_fails: int = 1
    resolve: bool = False

    @property
    def host(self) -> str:
        """The address without its port."""
        return split_port(self.address)[0]

    @property
    def key(self) -> str:
        """The same for all spellings of one address: lower case, with the port (80 if none is written)."""
        host, port = split_port(self.address.lower())
        return f"{host}:{port or '80'}" if not host.startswith("unix:") else host


@dataclass(frozen=True)
class Upstream:
    """One pool. ``used`` is false when no line passes requests to it (the idle colour of blue/green)."""

    name: str
    word: Word
    servers: tuple[ServerLine, ...]
    method: Statement | None
    used: bool = True

    @property
    def serving(self) -> tuple[ServerLine, ...]:
        """The servers that get requests while all are up: not ``down``, no ``backup`` beside others."""
        up = tuple(s for s in self.servers if s.down is None)
        return tuple(s for s in up if s.backup is None) or up

    @property
    def hashed(self) -> bool:
        """Whether a key chooses the server."""
        return self.method is not None and self.method.name in ("hash", "ip_hash")

    @property
    def key(self) -> frozenset[str]:
        """The variables of the hash key, without dollar signs; empty if there is no hash or its key has none."""
        text = self.method.values[0] if self.method and self.method.name == "hash" and self.method.args else ""
        return frozenset(re.findall(r"\$\{?(\w+)", text))

    def label(self, server: ServerLine) -> str:
        """What to call a server in a sentence: its host, or its whole address where hosts repeat."""
        hosts = {other.host for other in self.servers if other.key != server.key}
        return plain(server.address if server.host in hosts else server.host)


@dataclass(frozen=True)
class Pass:
    """A line that sends requests on. ``host`` is the pool's name or the address; empty when a variable decides."""

    word: Word
    target: Word
    host: str
    location: str
    server_names: tuple[str, ...]
    settings: Mapping[str, Statement]
    """What holds here of the directives the catalogue asks for, wherever it was written."""

    @property
    def for_operations(self) -> bool:
        """Whether the location is for the people who run the site (health, metrics, certificates), not for clients."""
        return bool(_OPERATIONS.search(self.location))


@dataclass(frozen=True)
class NginxConfig:
    """One whole config."""

    upstreams: tuple[Upstream, ...]
    passes: tuple[Pass, ...]
    real_ip: bool
    """Whether client addresses are taken from a header of trusted proxies, or from the PROXY protocol."""

    def passes_to(self, upstream: Upstream) -> tuple[Pass, ...]:
        """The lines that send requests to a pool, those with a variable included: they may."""
        return tuple(p for p in self.passes if p.host in ("", upstream.name.lower()))


def read_nginx(files: Mapping[str, bytes], main: str) -> NginxConfig:
    """Read a config from memory. Raises :class:`~autograder.stack.proxies.nginx_syntax.UnreadableError`."""
    statements = read_statements(files, main)
    passes = tuple(_passes(statements, "", (), {}))
    hosts = {p.host for p in passes}
    upstreams = tuple(
        _upstream(s, used="" in hosts or s.values[0].lower() in hosts)
        for s in _walk(statements)
        if s.name == "upstream" and s.block is not None and len(s.args) == 1
    )
    real_ip = any(s.name == "set_real_ip_from" for s in _walk(statements))
    return NginxConfig(upstreams, passes, real_ip)


def split_port(address: str) -> tuple[str, str]:
    """``app1:8080`` → (``app1``, ``8080``); no port is an empty one; ``[::1]:80`` and ``unix:/path`` are understood."""
    if address.startswith("unix:"):
        return address, ""
    host, colon, port = address.rpartition(":")
    return (host, port) if colon and port.isdecimal() else (address, "")


def plain(text: str) -> str:
    """A name from somebody's config, safe to print: no control characters, at most 80 long."""
    return "".join(c if c.isprintable() else "?" for c in text)[:80]


def _walk(statements: tuple[Statement, ...]) -> Iterator[Statement]:
    for statement in statements:
        yield statement
        if statement.block:
            yield from _walk(statement.block)


def _upstream(statement: Statement, *, used: bool) -> Upstream:
    block = statement.block or ()
    methods = [inner for inner in block if inner.name in METHODS]
    return Upstream(
        name=statement.values[0],
        word=statement.args[0],
        servers=tuple(_server(inner) for inner in block if inner.name == "server" and inner.args),
        method=methods[-1] if methods else None,
        used=used,
    )


def _server(statement: Statement) -> ServerLine:
    address = statement.args[0]
    words = {arg.text.partition("=")[0]: arg for arg in statement.args[1:]}
    return ServerLine(
        address=address.text,
        word=address,
        weight=max(_number(words.get("weight"), 1), 1),
        weight_word=words.get("weight"),
        down=words.get("down"),
        backup=words.get("backup"),
        max_fails=_number(words.get("max_fails"), 1),
        resolve="resolve" in words,
    )


def _number(word: Word | None, default: int) -> int:
    """The number after ``=``; nginx refuses anything else, so what we read for it does not matter."""
    match = re.fullmatch(r"\w+=([0-9]{1,6})", word.text) if word else None
    return int(match[1]) if match else default


def _passes(
    statements: tuple[Statement, ...], location: str, names: tuple[str, ...], settings: Mapping[str, Statement]
) -> Iterator[Pass]:
    here = {**settings, **{s.name: s for s in statements if s.name in _KEPT and s.args}}
    if any(s.name == "server_name" for s in statements):
        names = tuple(value for s in statements if s.name == "server_name" for value in s.values)
    for statement in statements:
        if statement.name in _PASSES and statement.args:
            target = statement.args[0]
            address = target.text.partition("://")[2] or target.text
            host = "" if "$" in address.partition("/")[0] else address.partition("/")[0].lower()
            if address.startswith("unix:"):
                host = address.rstrip(":")
            yield Pass(statement.word, target, host, location, names, here)
        elif statement.block:
            inner = statement.values[-1] if statement.name == "location" and statement.args else location
            yield from _passes(statement.block, inner, names, here)
