"""What a HAProxy config says about balancing: pools, their servers, and the lines that send requests to them.

Thin on purpose, as ``nginx_config.py`` is: only what the catalogue asks for, each part with the words it was read from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_routes import Route, read_routes
from autograder.mistakes.nginx_config import plain
from autograder.stack.proxies.haproxy_addresses import where
from autograder.stack.proxies.haproxy_syntax import Config, Line, Section, read_sections
from autograder.stack.proxies.haproxy_words import SERVER_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from autograder.stack.proxies.nginx_syntax import Word

HASHES = ("source", "uri", "url_param", "hdr", "hash", "rdp-cookie")
"""Algorithms that choose the server by a key."""
_TIME = re.compile(r"([0-9]{1,12})(us|ms|s|m|h|d)?")
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0, "h": 3_600_000.0, "d": 86_400_000.0}
_COUNT = re.compile(r"(?:([0-9]{1,6})-)?([0-9]{1,6})")
_REAL_ADDRESS = ("set-src", "expect-proxy", "expect-netscaler-cip")
_LOOPBACK = ("127.", "localhost", "::1", "[::1]", "unix:")


@dataclass(frozen=True)
class Said:
    """A setting of a server: its keyword, and its value if it takes one."""

    words: tuple[Word, ...]

    @property
    def value(self) -> str:
        """The value; empty for a keyword that takes none."""
        return self.words[1].text if len(self.words) > 1 else ""

    @property
    def number(self) -> int | None:
        """The value as a number, or None if it is none."""
        return int(self.value) if re.fullmatch(r"[0-9]{1,9}", self.value) else None

    @property
    def milliseconds(self) -> float | None:
        """The value as a time, or None if it is none."""
        return milliseconds(self.value)


@dataclass(frozen=True)
class ServerLine:
    """One ``server`` line of a pool, or a ``server-template`` with ``copies`` servers (0: no template).

    ``settings`` are its own and those it has from ``default-server``, by keyword.
    """

    name: str
    word: Word
    """The address."""
    settings: Mapping[str, Said]
    copies: int = 0

    @property
    def address(self) -> str:
        """The address as it is written."""
        return self.word.text

    @property
    def host(self) -> str:
        """The address without its port."""
        return where(self.address).host

    @property
    def key(self) -> str:
        """The same for all spellings of one address."""
        at = where(self.address.lower())
        ports = ",".join(str(port) for port in at.ports) or (f"+{at.shift}" if at.shift else "")
        return f"{at.host}:{ports}" if ports else at.host

    @property
    def weight(self) -> int:
        """Its weight (of all servers together if it is a template)."""
        said = self.settings.get("weight")
        one = said.number if said and said.number is not None else 1
        return one * max(1, self.copies)

    @property
    def idle(self) -> Said | None:
        """What keeps all new requests away from it: ``disabled``, or a weight of nothing."""
        weightless = self.settings.get("weight")
        return self.settings.get("disabled") or (weightless if weightless and weightless.number == 0 else None)

    @property
    def backup(self) -> Said | None:
        """The word that makes it wait."""
        return self.settings.get("backup")

    @property
    def local(self) -> bool:
        """Whether it is a program on the balancer itself, like one that says sorry."""
        return self.host.startswith(_LOOPBACK)

    def milliseconds(self, name: str, default: float) -> float:
        """A setting that is a time."""
        said = self.settings.get(name)
        found = said.milliseconds if said else None
        return default if found is None else found

    def number(self, name: str, default: int) -> int:
        """A setting that is a number."""
        said = self.settings.get(name)
        return default if said is None or said.number is None else said.number


@dataclass(frozen=True)
class Pool:
    """A ``backend``, or a ``listen`` with servers. ``routes`` are the lines that send requests to it."""

    section: Section
    servers: tuple[ServerLine, ...]
    routes: tuple[Route, ...]
    certain: bool = True
    """Whether all of it is in force whatever the environment (no ``.if`` around any of it)."""

    @property
    def name(self) -> str:
        """The section's name."""
        return self.section.name

    @property
    def word(self) -> Word:
        """The section's name where it is written."""
        words = self.section.head.words
        return words[1] if len(words) > 1 else words[0]

    @property
    def used(self) -> bool:
        """Whether any line sends it requests, as far as can be told."""
        return self.certain and bool(self.routes)

    @property
    def for_clients(self) -> bool:
        """Whether any of those lines is for clients, not for the people who run the site."""
        return self.certain and any(not route.for_operations for route in self.routes)

    @property
    def web(self) -> bool:
        """Whether HAProxy reads the requests it passes on (``mode http``)."""
        modes = self.lines("mode")
        return bool(modes) and modes[-1].values[0] == "http"

    @property
    def balance(self) -> Line | None:
        """The line that chooses the algorithm, its own or inherited; without one it is round robin up to 3.2."""
        lines = self.lines("balance")
        return lines[-1] if lines else None

    @property
    def algorithm(self) -> str:
        """Its name, without arguments: ``hdr`` for ``hdr(host)``, ``hash`` for ``hash src``."""
        return self.balance.values[0].partition("(")[0] if self.balance else "roundrobin"

    @property
    def hashed(self) -> bool:
        """Whether a key chooses the server."""
        return self.algorithm in HASHES

    @property
    def serving(self) -> tuple[ServerLine, ...]:
        """The servers that get requests while all are up."""
        up = tuple(server for server in self.servers if server.idle is None)
        first = tuple(server for server in up if server.backup is None)
        return first or (up if self.section.option("allbackups") else up[:1])

    @property
    def waiting(self) -> tuple[ServerLine, ...]:
        """The servers that wait for the others to fail."""
        return tuple(server for server in self.servers if server.idle is None and server.backup is not None)

    @property
    def machines(self) -> frozenset[str]:
        """The addresses of the servers that get requests while all are up."""
        return frozenset(server.key for server in self.serving)

    def lines(self, *names: str) -> tuple[Line, ...]:
        """Lines with these keywords and at least one argument, inherited ones first."""
        return tuple(line for line in self.section.inherited(*names) if line.values)

    def own(self, *names: str) -> tuple[Line, ...]:
        """Such lines of its own."""
        return tuple(line for line in self.section.named(*names) if line.values)

    def label(self, server: ServerLine) -> str:
        """What to call a server in a sentence."""
        return plain(server.name)


@dataclass(frozen=True)
class HaproxyConfig:
    """One whole config."""

    pools: tuple[Pool, ...]
    sections: Config
    real_address: bool
    """Whether client addresses are taken from a header or from the PROXY protocol, not from the connection."""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Everything in the config folder: path → content."""

    def pool(self, name: str) -> Pool | None:
        """The pool of that name."""
        return next((pool for pool in self.pools if pool.name == name), None)

    @property
    def web_pools(self) -> tuple[Pool, ...]:
        """Pools of ``mode http`` that clients' requests are sent to."""
        return tuple(pool for pool in self.pools if pool.web and pool.for_clients)


def read_haproxy_config(files: Mapping[str, bytes], main: str) -> HaproxyConfig:
    """Read a config from memory. Raises :class:`~autograder.stack.proxies.nginx_syntax.UnreadableError`."""
    config = read_sections(files, main)
    routes = read_routes(config, files)
    pools = []
    for section in config.of_kind("backend", "listen"):
        servers = tuple(_servers(section))
        if servers and not section.named("disabled"):
            here = tuple(route for route in routes if route.pool == section.name)
            certain = not any(line.conditional for line in (section.head, *section.lines))
            pools.append(Pool(section, servers, here, certain))
    return HaproxyConfig(tuple(pools), config, _real_address(config), files)


def milliseconds(text: str) -> float | None:
    """``10s`` → 10000.0; a bare number is milliseconds. None for what is no time."""
    match = _TIME.fullmatch(text)
    return int(match[1]) * _UNITS[match[2] or "ms"] if match else None


def _real_address(config: Config) -> bool:
    for section in config.of_kind("frontend", "listen", "backend", "defaults"):
        for line in section.lines:
            values = line.values
            if line.name == "bind" and ("accept-proxy" in values or "accept-netscaler-cip" in values):
                return True
            if line.name in ("http-request", "tcp-request") and any(value in _REAL_ADDRESS for value in values[:3]):
                return True
    return False


def _servers(section: Section) -> Iterator[ServerLine]:
    # The words of default-server add up, those of the defaults section first.
    given = [line.words[1:] for line in section.defaults.inherited("default-server")] if section.defaults else []
    for line in section.lines:
        if line.name == "default-server":
            given.append(line.words[1:])
        elif line.name == "server" and len(line.values) >= 2:
            yield ServerLine(line.values[0], line.words[2], _settings([*given, line.words[3:]]))
        elif line.name == "server-template" and len(line.values) >= 3 and (count := _COUNT.fullmatch(line.values[1])):
            copies = max(1, int(count[2]) - int(count[1] or 1) + 1)
            yield ServerLine(line.values[0], line.words[3], _settings([*given, line.words[4:]]), copies)


def _settings(lines: Iterable[Sequence[Word]]) -> dict[str, Said]:
    found: dict[str, Said] = {}
    for words in lines:
        rest = iter(words)
        for word in rest:
            if word.text in SERVER_WORDS:
                value = next(rest, None)
                found[word.text] = Said((word, value) if value else (word,))
            elif word.text == "enabled":
                found.pop("disabled", None)
            elif word.text.startswith("no-"):
                found.pop(word.text.removeprefix("no-"), None)
            else:
                found[word.text] = Said((word,))
    return found
