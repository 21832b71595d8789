"""What an nginx config says about balancing: pools, their servers, and the lines that pass requests on.

Thin on purpose: only what the catalogue asks for. Every part keeps the words it was read from, for file and line.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autograder.stack.proxies.nginx_syntax import Statement, Word, read_statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

METHODS = ("hash", "ip_hash", "least_conn", "least_time", "random")
"""Directives that choose a server; round robin has none. The last one in a block wins (measured: NX-21)."""
_PASSES = ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass")
_KEPT = (
    "proxy_next_upstream",
    "proxy_next_upstream_tries",
    "proxy_read_timeout",
    "proxy_intercept_errors",
    "real_ip_header",
)
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "M": 30 * 86400, "y": 365 * 86400}
_VARIABLE = re.compile(r"\$\{?(\w+)")
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
    parameters: Mapping[str, Word] = field(default_factory=dict, compare=False)
    """All parameters, by the word before ``=``."""

    @property
    def host(self) -> str:
        """The address without its port."""
        return split_port(self.address)[0]

    @functools.cached_property
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
    block: tuple[Statement, ...] = ()
    stream: bool = False
    """Whether it deals out connections, not requests."""

    @functools.cached_property
    def serving(self) -> tuple[ServerLine, ...]:
        """The servers that get requests while all are up: not ``down``, no ``backup`` beside others."""
        up = tuple(s for s in self.servers if s.down is None)
        return tuple(s for s in up if s.backup is None) or up

    @functools.cached_property
    def machines(self) -> frozenset[str]:
        """Keys of the servers that get requests while all are up."""
        return frozenset(server.key for server in self.serving)

    def named(self, directive: str) -> tuple[Statement, ...]:
        """The statements of its block with that directive."""
        return tuple(s for s in self.block if s.name == directive)

    @property
    def hashed(self) -> bool:
        """Whether a key chooses the server."""
        return self.method is not None and self.method.name in ("hash", "ip_hash")

    @functools.cached_property
    def key(self) -> frozenset[str]:
        """The variables of the hash key, without dollar signs; empty if there is no hash or its key has none."""
        text = self.method.values[0] if self.method and self.method.name == "hash" and self.method.args else ""
        return variables(text)

    def label(self, server: ServerLine) -> str:
        """What to call a server in a sentence: its host, or its whole address where hosts repeat."""
        hosts = {other.host for other in self.servers if other.key != server.key}
        return plain(server.address if server.host in hosts else server.host)


@dataclass(frozen=True)
class Site:
    """One ``server`` block that clients (or other server blocks) talk to."""

    word: Word
    names: tuple[Word, ...]
    listens: tuple[Statement, ...]
    block: tuple[Statement, ...] = field(repr=False)

    @functools.cached_property
    def doors(self) -> frozenset[tuple[str, str]]:
        """Address and port of each ``listen``: ``*`` is every IPv4 address, ``[::]`` every IPv6 one."""
        return frozenset(_door(s.values[0]) for s in self.listens if s.args) or frozenset({("*", "80")})

    @property
    def default(self) -> bool:
        """Whether it says that it takes requests for names that nobody lists."""
        return any({"default_server", "default"} & set(s.values) for s in self.listens)


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
    site: Site | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that decide where requests go, without dollar signs; none if the line names a host."""
        address = self.target.text.partition("://")[2] or self.target.text
        return tuple(_VARIABLE.findall(address.partition("/")[0])) if not self.host else ()

    @property
    def key(self) -> str:
        """The address it names, as :attr:`ServerLine.key` writes it; empty if a variable decides."""
        host, port = split_port(self.host)
        tls = self.target.text.startswith(("https:", "grpcs:"))
        return f"{host}:{port or ('443' if tls else '80')}" if self.host and not host.startswith("unix:") else self.host

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
    sites: tuple[Site, ...] = ()
    statements: tuple[Statement, ...] = field(default=(), repr=False)

    def upstream(self, name: str) -> Upstream | None:
        """The pool of that name, in any case."""
        return self._by_pool.get(name.lower())

    @functools.cached_property
    def _by_pool(self) -> dict[str, Upstream]:
        return {upstream.name.lower(): upstream for upstream in reversed(self.upstreams)}

    def lines(self, site: Site) -> tuple[Pass, ...]:
        """The lines in a server block that send requests on."""
        return tuple(self._by_site.get(site.word, ()))

    @functools.cached_property
    def _by_site(self) -> dict[Word, list[Pass]]:
        found: dict[Word, list[Pass]] = {}
        for line in self.passes:
            if line.site:
                found.setdefault(line.site.word, []).append(line)
        return found

    def machines(self, site: Site) -> frozenset[str]:
        """Keys of the machines that the lines in a server block send clients' requests to while all are up."""
        if site.word not in self._reached:
            lines = [line for line in self.lines(site) if not line.for_operations]
            self._reached[site.word] = frozenset().union(*(self.reached(line) for line in lines))
        return self._reached[site.word]

    @functools.cached_property
    def _reached(self) -> dict[Word, frozenset[str]]:
        return {}

    @functools.cached_property
    def at_door(self) -> dict[tuple[str, str], list[Site]]:
        """Address and port → the server blocks that listen there."""
        found: dict[tuple[str, str], list[Site]] = {}
        for site in self.sites:
            for door in site.doors:
                found.setdefault(door, []).append(site)
        return found

    def reached(self, line: Pass) -> frozenset[str]:
        """Keys of the machines that a line sends requests to while all are up; empty if a variable decides."""
        upstream = self.upstream(line.host)
        return upstream.machines if upstream else frozenset((line.key,) if line.key else ())

    def settings(self, *names: str) -> tuple[Statement, ...]:
        """All statements with one of these directives, wherever they stand; one directive after the other."""
        return tuple(s for name in names for s in self._by_name.get(name, ()))

    def every(self) -> Iterator[Statement]:
        """All statements, in the order in which they are written."""
        return walk(self.statements)

    @functools.cached_property
    def _by_name(self) -> dict[str, list[Statement]]:
        found: dict[str, list[Statement]] = {}
        for statement in walk(self.statements):
            found.setdefault(statement.name, []).append(statement)
        return found

    def passes_to(self, upstream: Upstream) -> tuple[Pass, ...]:
        """The lines that send requests to a pool, those with a variable included: they may."""
        return tuple(p for p in self.passes if p.host in ("", upstream.name.lower()))


def read_nginx(files: Mapping[str, bytes], main: str) -> NginxConfig:
    """Read a config from memory. Raises :class:`~autograder.stack.proxies.nginx_syntax.UnreadableError`."""
    statements = read_statements(files, main)
    passes = tuple(_passes(statements, "", (), {}, None))
    hosts = {p.host for p in passes}
    streams = {s.word for outer in statements if outer.name == "stream" for s in outer.block or ()}
    upstreams = tuple(
        _upstream(s, used="" in hosts or s.values[0].lower() in hosts, stream=s.word in streams)
        for s in walk(statements)
        if s.name == "upstream" and s.block is not None and len(s.args) == 1
    )
    real_ip = any(s.name == "set_real_ip_from" for s in walk(statements))
    sites = tuple(
        _site(s)
        for outer in statements
        if outer.name in ("http", "stream")
        for s in outer.block or ()
        if s.name == "server" and s.block is not None
    )
    return NginxConfig(upstreams, passes, real_ip, sites, statements)


def split_port(address: str) -> tuple[str, str]:
    """``app1:8080`` → (``app1``, ``8080``); no port is an empty one; ``[::1]:80`` and ``unix:/path`` are understood."""
    if address.startswith("unix:"):
        return address, ""
    host, colon, port = address.rpartition(":")
    return (host, port) if colon and port.isdecimal() else (address, "")


def variables(text: str) -> frozenset[str]:
    """The variables in a value, without dollar signs."""
    return frozenset(_VARIABLE.findall(text))


def plain(text: str) -> str:
    """A name from somebody's config, safe to print: no control characters, at most 80 long."""
    return "".join(c if c.isprintable() else "?" for c in text)[:80]


def walk(statements: tuple[Statement, ...]) -> Iterator[Statement]:
    """The statements and all that stand in their blocks, in the order in which they are written."""
    for statement in statements:
        yield statement
        if statement.block:
            yield from walk(statement.block)


def seconds(text: str) -> float | None:
    """Nginx's way to write a time (``90``, ``10s``, ``1h 30m``, ``500ms``) in seconds; None if it is none."""
    parts = re.findall(r"([0-9]{1,9})\s*(ms|[smhdwMy]?)", text)
    if not parts or re.sub(r"[0-9]{1,9}\s*(ms|[smhdwMy]?)\s*", "", text.strip()):
        return None
    return sum(int(number) * _UNITS[unit or "s"] for number, unit in parts)


def value(word: Word | None) -> str:
    """What follows ``=`` in a parameter; empty without one."""
    return word.text.partition("=")[2] if word else ""


def _door(listen: str) -> tuple[str, str]:
    if listen.startswith("unix:"):
        return listen, ""
    if listen.isdecimal():
        return "*", listen
    host, port = split_port(listen.lower())
    return ("*" if host in ("0.0.0.0", "") else host, port or "80")


def _site(statement: Statement) -> Site:
    block = statement.block or ()
    return Site(
        word=statement.word,
        names=tuple(arg for s in block if s.name == "server_name" for arg in s.args),
        listens=tuple(s for s in block if s.name == "listen"),
        block=block,
    )


def _upstream(statement: Statement, *, used: bool, stream: bool) -> Upstream:
    block = statement.block or ()
    methods = [inner for inner in block if inner.name in METHODS]
    return Upstream(
        name=statement.values[0],
        word=statement.args[0],
        servers=tuple(_server(inner) for inner in block if inner.name == "server" and inner.args),
        method=methods[-1] if methods else None,
        used=used,
        block=block,
        stream=stream,
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
        parameters=words,
    )


def _number(word: Word | None, default: int) -> int:
    """The number after ``=``; nginx refuses anything else, so what we read for it does not matter."""
    match = re.fullmatch(r"\w+=([0-9]{1,6})", word.text) if word else None
    return int(match[1]) if match else default


def _passes(
    statements: tuple[Statement, ...],
    location: str,
    names: tuple[str, ...],
    settings: Mapping[str, Statement],
    site: Site | None,
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
            yield Pass(statement.word, target, host, location, names, here, site)
        elif statement.block:
            inner = statement.values[-1] if statement.name == "location" and statement.args else location
            whose = _site(statement) if statement.name == "server" else site
            yield from _passes(statement.block, inner, names, here, whose)
