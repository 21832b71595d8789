"""What a web stack is: plain frozen data, read from ``stack.toml``.

A stack is one or more balancers in front of servers, in one tier or several. Its machines ("nodes") are the
balancers, the servers and one more, :data:`CLIENTS`, from which all traffic is sent. Configs name servers by node
name (``server app1:8080;``); an engine gives every name an address.
"""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any

from autograder.errors import ManyHandsError, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CLIENTS = "clients"
"""Name of the node that traffic is sent from."""

PROMETHEUS = "prometheus"
"""Name of the node that Prometheus runs on, where a stack has one."""

PROXIES = ("nginx", "haproxy")
SERVICE_TIMES = ("constant", "exponential", "lognormal")
PROTOCOLS = ("http", "h2c", "grpc", "tcp", "fastcgi", "uwsgi", "scgi", "mysql", "smtp")
POPULATIONS = ("many", "office", "subnet", "few", "behind-cdn", "kept-alive", "zipf", "streaming")
"""Names of the client populations; :mod:`autograder.traffic.clients` has the clients."""

_WORDS = {"proxy": PROXIES, "service": SERVICE_TIMES, "speaks": PROTOCOLS, "population": POPULATIONS}
_RANGES = {"service_ms": (0.1, 60_000), "page_ms": (0, 60_000), "checkouts": (0, 1), "rate": (0.1, 20_000)}
"""Numbers that may be something else than 1 to 65535."""


class StackError(ManyHandsError):
    """A stack file that cannot be used."""


@dataclass(frozen=True)
class Server:
    """One machine of the pool: ``workers`` requests at a time, each taking a time that depends on the page.

    A checkout takes ``service_ms``, any other page ``page_ms``: always (``service = "constant"``) or on average
    (``"exponential"``; ``"lognormal"`` with a tail as long as its mean). A request that finds all workers busy waits
    and holds memory. When more than ``queue`` requests wait, ``memory_mb`` is used up and the process dies, as a real
    one would.

    The last four are for stand-ins of servers that a config names: ``address`` is where it listens if that is not for
    the engine to choose (an IPv4 or IPv6 address, or ``unix:/path`` as the balancer sees it), ``speaks`` one of
    :data:`PROTOCOLS`, ``certificate`` the PEM (chain, then key) of one that speaks TLS, and ``says`` what its page
    begins with (or a ``tcp`` one greets with) because a health check looks for it.
    """

    name: str
    port: int = 8080
    workers: int = 4
    service_ms: float = 80.0
    page_ms: float = 8.0
    queue: int = 32
    service: str = "constant"
    memory_mb: float = 512.0
    address: str = ""
    speaks: str = "http"
    certificate: str = ""
    says: str = ""

    @property
    def capacity(self) -> float:
        """Checkouts a second it can answer for ever (Little's law: workers / service time)."""
        return self.workers * 1000.0 / self.service_ms


@dataclass(frozen=True)
class Surroundings:
    """What a balancer's config expects to find around it beyond the stack's own nodes; made for twins.

    ``addresses`` (IPv4 and IPv6) are the balancer's own besides the engine's choice; ``names`` are pairs of host name
    and address for its ``/etc/hosts``; ``folders`` are absolute paths that must exist and can be written; ``accounts``
    are users and groups; at each of ``resolvers`` (``address:port`` or ``[address]:port``) a name server answers what
    ``names`` say, and nothing else. ``clients`` are IPv4 addresses that clients can have besides their own, on the
    local engine.
    """

    addresses: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    folders: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Balancer:
    """One balancer: which program it runs, where it listens and which file it is started with.

    ``files`` is the folder, beside the stack file, whose content is its config folder.
    """

    name: str
    proxy: str
    port: int = 80
    config: str = ""
    files: str = "conf"
    around: Surroundings = Surroundings()

    def __post_init__(self) -> None:
        if not self.config:
            object.__setattr__(self, "config", {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}[self.proxy])


@dataclass(frozen=True)
class Clients:
    """Traffic that a stack gets when somebody just runs it: ``rate`` requests a second from a population.

    ``checkouts`` is the part (0 to 1) of them that are the expensive page.
    """

    population: str = "many"
    rate: float = 50.0
    checkouts: float = 0.1


@dataclass(frozen=True)
class Door:
    """A place where a balancer takes traffic, and how to talk there.

    ``address`` is an IPv4 or IPv6 address; ``protocol`` is ``http/1.1``, ``h2`` or ``tcp``; ``host`` is the name that
    clients ask for (Host header and TLS server name); ``proxy_protocol`` tells that it expects the PROXY header.
    """

    address: str
    port: int
    host: str = "shop.example"
    tls: bool = False
    protocol: str = "http/1.1"
    proxy_protocol: bool = False


@dataclass(frozen=True)
class Stack:
    """Balancers, the servers behind them, and who sends traffic. ``prometheus`` asks for one that watches them all."""

    name: str
    balancers: tuple[Balancer, ...]
    servers: tuple[Server, ...]
    clients: tuple[Clients, ...] = ()
    prometheus: bool = False

    @property
    def balancer(self) -> Balancer:
        """The balancer that clients talk to: the first. Others stand behind it, or beside it."""
        return self.balancers[0]

    @property
    def nodes(self) -> tuple[str, ...]:
        """All node names: clients, balancers, servers, Prometheus."""
        watcher = (PROMETHEUS,) if self.prometheus else ()
        return (CLIENTS, *(b.name for b in self.balancers), *(s.name for s in self.servers), *watcher)

    def server(self, name: str) -> Server:
        """The server called ``name``. Raises :class:`StackError` if there is none."""
        for server in self.servers:
            if server.name == name:
                return server
        known = [s.name for s in self.servers]
        raise StackError(
            what=f"this stack has no server called {name!r}",
            why=f"its servers are {', '.join(known)}",
            remedy=suggestion(name, known),
        )

    def fair_shares(self) -> dict[str, float]:
        """Share of traffic each server should get: its part of the pool's capacity. Values sum to 1."""
        total = sum(server.capacity for server in self.servers)
        return {server.name: server.capacity / total for server in self.servers}


def load_stack(path: Path) -> Stack:
    """Read a ``stack.toml``. Raises :class:`StackError` naming file, line and the nearest valid word."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(what=f"cannot read {path}", why=str(error), remedy="check that the file is there") from error
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # tomllib's own error, a number of 5,000 digits, a table without end
        raise StackError(what=f"{path} is not valid TOML", why=str(error), remedy="mend the line it names") from error
    return _Reader(path, text).stack(data)


@dataclass(frozen=True)
class _Table:
    """One table of the file: its heading (empty at the top level), and the numbers of its first and last line."""

    heading: str
    first: int
    last: int


@dataclass(frozen=True)
class _Reader:
    """Turns parsed TOML into a stack, and knows the text, so that errors can name a line."""

    path: Path
    text: str

    def stack(self, data: Mapping[str, Any]) -> Stack:
        top = self._table("", 0)
        self._known_keys(data, ("name", "balancers", "servers", "clients", "prometheus"), top)
        prometheus = data.get("prometheus", False)
        if not isinstance(prometheus, bool):
            raise self._error(f"prometheus = {prometheus!r} is of the wrong kind", "prometheus", "use true or false")
        stack = Stack(
            name=self._typed(data, "name", str, top),
            balancers=self._items(Balancer, data, "balancers"),
            servers=self._items(Server, data, "servers"),
            clients=self._items(Clients, data, "clients") if "clients" in data else (),
            prometheus=prometheus,
        )
        seen: set[str] = set()
        for node in stack.nodes:
            if node in seen:
                raise self._error(f"two nodes are called {node!r}", node, "give each node a name of its own")
            seen.add(node)
        return stack

    def _items(self, kind: type[Any], data: Mapping[str, Any], key: str) -> tuple[Any, ...]:
        rows = data.get(key)
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise self._error(f"no {key} are declared", key, f"add at least one [[{key}]] table")
        return tuple(self._item(kind, row, self._table(f"[[{key}]]", number)) for number, row in enumerate(rows))

    def _item(self, kind: type[Any], row: Mapping[str, Any], table: _Table) -> Any:
        kinds = {"str": str, "int": int, "float": (int, float)}
        types = {field.name: kinds[str(field.type)] for field in fields(kind) if str(field.type) in kinds}
        self._known_keys(row, tuple(types), table)
        values = {key: self._typed(row, key, types[key], table) for key in row}
        for required in (field.name for field in fields(kind) if field.default is MISSING):
            if required not in values:
                raise self._error(f"this table has no {required!r}", table.heading, f'add {required} = "…"', table)
        for key, value in values.items():
            low, high = _RANGES.get(key, (1, 65535))
            if key in _WORDS and value not in _WORDS[key]:
                raise self._error(f"unknown {key} {value!r}", key, suggestion(value, _WORDS[key]), table)
            if isinstance(value, int | float) and not low <= value <= high:
                raise self._error(f"{key} = {value} is out of range", key, f"use a number from {low} to {high}", table)
        return kind(**values)

    def _typed(self, row: Mapping[str, Any], key: str, kind: Any, table: _Table) -> Any:
        value = row.get(key)
        if value is None:
            raise self._error(f"{table.heading or 'the file'} has no {key!r}", table.heading, f"add {key} = …", table)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._error(f"{key} = {value!r} is of the wrong kind", key, "see the stack files in labs/", table)
        return value

    def _known_keys(self, row: Mapping[str, Any], known: tuple[str, ...], table: _Table) -> None:
        for key in row:
            if key not in known:
                where = table.heading or "the top level"
                raise self._error(f"{where} has an unknown key {key!r}", key, suggestion(key, known), table)

    def _table(self, heading: str, number: int) -> _Table:
        """The table under the heading's ``number``-th appearance, from 0; the whole file if there is none."""
        lines = self.text.splitlines()
        begins = [n for n, line in enumerate(lines, 1) if line.strip().startswith(heading)] if heading else [1]
        if number >= len(begins):
            return _Table(heading, 1, len(lines))
        first = begins[number]
        after = (n for n, line in enumerate(lines[first:], first + 1) if line.lstrip().startswith("["))
        return _Table(heading, first, next(after, len(lines) + 1) - 1)

    def _error(self, what: str, token: str, remedy: str, table: _Table | None = None) -> StackError:
        lines = list(enumerate(self.text.splitlines(), 1))
        inside = [(n, line) for n, line in lines if table is None or table.first <= n <= table.last]
        number = next((n for n, line in (*inside, *lines) if token in line), 1)
        return StackError(what, where=f"{self.path}:{number}", remedy=remedy)
