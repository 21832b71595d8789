"""Whom an nginx config sends to: its pools, the addresses it passes to directly, and what is spoken there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autograder.stack.proxies.nginx_addresses import joined, listen_addresses, literal, split_address
from autograder.stack.proxies.nginx_scopes import place
from autograder.stack.proxies.reading import Unmet, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autograder.stack.proxies.nginx_scopes import Constants, Said
    from autograder.stack.proxies.reading import Place

_SPOKEN = {
    "proxy_pass": "http",
    "grpc_pass": "grpc",
    "fastcgi_pass": "fastcgi",
    "uwsgi_pass": "uwsgi",
    "scgi_pass": "scgi",
    "memcached_pass": "tcp",
}
_PORT = {"https": 443, "grpcs": 443}
_TLS = ("https", "grpcs", "suwsgi")
_PATH = re.compile(r"/|\$\{?(?:request_uri|uri|document_uri|is_args|args|query_string)\b")
_HTTP_PORTS = (80, 3000, 5000, 8000, 8008, 8080, 8081, 8088, 8888)
_HTTPS_PORTS = (443, 8443)


@dataclass
class Passing:
    """What one reading found: upstreams in the order they are written, and the pools that each server block reaches."""

    upstreams: list[Upstream] = field(default_factory=list)
    pools_of: dict[int, dict[str, None]] = field(default_factory=dict)
    unmet: list[Unmet] = field(default_factory=list)
    switches: list[tuple[str, ...]] = field(default_factory=list)


@dataclass(frozen=True)
class _Spoken:
    speaks: str
    tls: bool = False
    verified_as: str = ""


def read_passes(said: Sequence[Said], constants: Constants, folder: str) -> Passing:
    """Find pools and passes. ``folder`` is that of the main file."""
    return _Passes(said, constants, folder).read()


class _Passes:
    def __init__(self, said: Sequence[Said], constants: Constants, folder: str) -> None:
        self.said = said
        self.constants = constants
        self.folder = folder
        self.found = Passing()
        self.pools: dict[tuple[str, str], list[Upstream]] = {}
        self.spoken: dict[tuple[str, str], _Spoken] = {}
        self.direct: dict[Upstream, None] = {}

    def read(self) -> Passing:
        for one in self.said:
            if one.name == "upstream" and one.statement.block is not None and one.values:
                self.pools[one.kind, one.values[0].lower()] = list(self._members(one))
        for one in self.said:
            if one.values and (one.name in _SPOKEN or (one.name == "pass" and one.kind == "stream")):
                self._pass(one)
        for key, members in self.pools.items():
            spoken = self.spoken.get(key)
            if spoken is None:
                spoken = _Spoken("http") if key[0] != "stream" else _carried(members, 0)
            self.found.upstreams += [
                replace(m, speaks=spoken.speaks, tls=spoken.tls, verified_as=spoken.verified_as) for m in members
            ]
        self.found.upstreams += self.direct
        return self.found

    def _members(self, pool: Said) -> Iterator[Upstream]:
        for line in pool.statement.block or ():
            if line.name != "server" or not line.args:
                continue
            host, port = split_address(line.values[0], 80)
            words = {word.partition("=")[0]: word.partition("=")[2] for word in line.values[1:]}
            duty = "down" if "down" in words else "backup" if "backup" in words else "serving"
            if "resolve" in words and not literal(host) and duty == "serving":
                duty = "resolved"
            if "service" in words:
                self.found.unmet.append(
                    Unmet(
                        place(line.word, self.folder), "service=", "its port is looked up as an SRV record; 80 is used"
                    )
                )
            yield Upstream(
                place(line.word, self.folder), pool.values[0], joined(host, port), host, port or 0,
                duty=duty, weight=_weight(words.get("weight", "")),
            )  # fmt: skip

    def _pass(self, one: Said) -> None:
        where = place(one.statement.word, self.folder)
        scheme, address = _split_scheme(one.values[0], bare=one.kind == "stream")
        # Where a scheme is a variable, each of its values may have a pool of its own.
        incoming = {"scheme": ["https" if _listening(self.said, one.server)[1] else "http"]}
        texts, whole = self.constants.expand(f"{scheme}://{address}" if scheme else address, incoming)
        if not whole:
            why = "where this sends to is known only when a request comes; no server stands there"
            self.found.unmet.append(Unmet(where, f"{one.name} {one.values[0]}", why, fails=True))
        if one.name == "memcached_pass":
            why = "nobody here speaks the memcached protocol; what is asked of it fails"
            self.found.unmet.append(Unmet(where, one.name, why, fails=True))
        if len(among := dict.fromkeys(pool for text in texts for pool in self._to(one, where, text))) > 1:
            self.found.switches.append(tuple(among))

    def _to(self, one: Said, where: Place, text: str) -> Iterator[str]:
        """Note whom one value of a pass sends to, and name that pool."""
        scheme, address = _split_scheme(text, bare=one.kind == "stream")
        pool = self.pools.get((one.kind, address.lower()))
        host, port = split_address(address, _PORT.get(scheme, 80))
        if not host or "$" in address or (pool is None and not (port or host.startswith("unix:"))):
            return
        spoken = self._spoken(one, scheme, host, pool, port)
        reached = self.found.pools_of.setdefault(one.server, {})
        if pool is not None:
            name = pool[0].pool if pool else address
            reached[name] = None
            yield name
            key = (one.kind, address.lower())
            if self.spoken.setdefault(key, spoken) != spoken:
                why = f"this pool is spoken to in two ways; its servers speak the first ({self.spoken[key].speaks})"
                self.found.unmet.append(Unmet(where, f"{one.name} {one.values[0]}", why))
            return
        if _datagrams(self.said, one.server):
            return
        duty = "serving"
        if "$" in one.values[0] and not literal(host) and not host.startswith("unix:"):
            duty = "resolved"
        label = joined(host, port)
        reached[label] = None
        yield label
        known = {(u.host, u.port) for u in self.direct}
        if (host, port) not in known:
            self.direct[
                Upstream(where, label, label, host, port, spoken.speaks, spoken.tls, spoken.verified_as, duty)
            ] = None

    def _spoken(self, one: Said, scheme: str, host: str, pool: Sequence[Upstream] | None, port: int) -> _Spoken:
        if one.kind == "stream":
            members = pool if pool is not None else [Upstream(place(one.statement.word, ""), "", "", host, port)]
            listening, ended = _listening(self.said, one.server)
            carried = _carried(members, listening)
            if one.setting("ssl_preread") == "on":
                return _Spoken("http", tls=True)
            if one.setting("proxy_ssl") == "on":
                return _Spoken(carried.speaks, tls=True, verified_as=self._verified(one, "proxy", host))
            return replace(carried, tls=carried.tls and not ended)
        speaks = _SPOKEN[one.name]
        if speaks == "http" and one.setting("proxy_http_version") == "2":
            speaks = "h2c"
        tls = scheme in _TLS
        return _Spoken(speaks, tls, self._verified(one, one.name.removesuffix("_pass"), host) if tls else "")

    def _verified(self, one: Said, kind: str, host: str) -> str:
        if one.setting(f"{kind}_ssl_verify") != "on":
            return ""
        text = one.setting(f"{kind}_ssl_name") or host
        names = [v for s in self.said if s.server == one.server and s.name == "server_name" for v in s.values]
        also = {"proxy_host": [host], "host": names[:1], "server_name": names[:1], "ssl_server_name": names[:1]}
        values, _ = self.constants.expand(text, also)
        return values[0] if values else host


def _split_scheme(text: str, *, bare: bool) -> tuple[str, str]:
    """Scheme (empty if none) and the address that follows, its path taken off."""
    scheme, mark, rest = text.partition("://")
    if not mark or bare or not re.fullmatch(r"[\w$\{\}]+", scheme):
        scheme, rest = "", text
    if rest.startswith("unix:"):
        return scheme, rest if bare else f"unix:{rest[5:].partition(':')[0]}"
    match = _PATH.search(rest)
    return scheme, rest[: match.start()] if match else rest


def _carried(members: Sequence[Upstream], listening: int) -> _Spoken:
    """What passes through a TCP proxy: told by the ports, because nothing else tells it."""
    ports = [m.port for m in members] + [listening]
    if any(port in _HTTPS_PORTS for port in ports):
        return _Spoken("http", tls=True)
    return _Spoken("http" if any(port in _HTTP_PORTS for port in ports) else "tcp")


def _listening(said: Sequence[Said], server: int) -> tuple[int, bool]:
    """First port of a server block, and whether TLS ends at every one of its listens."""
    listens = [one.values for one in said if one.server == server and one.name == "listen" and one.values]
    addresses = [place for values in listens for place in listen_addresses(values[0], 80)]
    return addresses[0][1] if addresses else 0, bool(listens) and all("ssl" in values for values in listens)


def _datagrams(said: Sequence[Said], server: int) -> bool:
    """Whether a server block takes UDP alone."""
    listens = [one.values for one in said if one.server == server and one.name == "listen"]
    return bool(listens) and all("udp" in values for values in listens)


def _weight(text: str) -> float:
    return float(text) if re.fullmatch(r"[0-9]{1,6}", text) else 1.0
