"""Where an nginx config takes traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.stack.proxies.nginx_addresses import listen_addresses
from autograder.stack.proxies.nginx_scopes import place
from autograder.stack.proxies.reading import Listening, Unmet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autograder.stack.proxies.nginx_scopes import Said
    from autograder.stack.proxies.reading import Place, Upstream

_DEFAULT_PORT = {"http": 80, "stream": 0}


def read_listens(
    said: Sequence[Said], pools_of: Mapping[int, Iterable[str]], upstreams: Sequence[Upstream], folder: str
) -> tuple[tuple[Listening, ...], tuple[Unmet, ...]]:
    """Every place of every server block, and what of them is not driven."""
    carried = {upstream.pool: upstream for upstream in reversed(upstreams)}
    servers: dict[int, list[Said]] = {}
    heads: dict[int, Said] = {}
    for one in said:
        if one.kind in _DEFAULT_PORT and one.server:
            if one.name == "server" and one.statement.block is not None:
                heads[one.server] = one
            elif one.blocks[-1:] == ("server",):
                servers.setdefault(one.server, []).append(one)
    found: list[Listening] = []
    unmet: list[Unmet] = []
    for number, head in heads.items():
        lines = servers.get(number, [])
        names = tuple(value for line in lines if line.name == "server_name" for value in line.values)
        pools = tuple(pools_of.get(number, ()))
        listens = [(place(line.statement.word, folder), line.values) for line in lines if line.name == "listen"]
        if head.kind == "http" and not listens:
            listens = [(place(head.statement.word, folder), ("80",))]
        http2 = any(line.setting("http2") == "on" for line in lines)
        # Where TLS passes through, a door for each name that the config tells apart.
        through = head.kind == "stream" and any(line.setting("ssl_preread") == "on" for line in lines)
        asked: list[tuple[str, ...]] = [(name,) for name in _told_apart(said)] if through else []
        for where, values in listens:
            if values:
                for some in asked or [names]:
                    found += _Kind(head.kind, some, pools, http2, carried).listenings(where, values)
                unmet += _not_driven(where, values)
    return tuple(found), tuple(unmet)


class _Kind:
    """What the listens of one server block have in common."""

    def __init__(
        self, kind: str, names: tuple[str, ...], pools: tuple[str, ...], http2: bool, carried: Mapping[str, Upstream]
    ) -> None:
        self.kind = kind
        self.names = names
        self.pools = pools
        self.http2 = http2
        self.carried = carried

    def listenings(self, where: Place, values: tuple[str, ...]) -> list[Listening]:
        tls = "ssl" in values
        protocol, h2 = "http", self.http2 or "http2" in values
        if self.kind == "stream":
            # A stream carries what its servers speak: TLS that does not end here comes from the client.
            server = next((self.carried[pool] for pool in self.pools if pool in self.carried), None)
            protocol, h2 = ("http" if server is not None and server.speaks == "http" else "tcp"), False
            tls = tls or (server is not None and server.tls and not server.verified_as and protocol == "http")
        if "udp" in values:
            protocol = "udp"
        return [
            Listening(where, address, port, protocol, tls, h2, "proxy_protocol" in values, self.names, self.pools)
            for address, port in listen_addresses(values[0], _DEFAULT_PORT[self.kind])
            if "quic" not in values
        ]


def _told_apart(said: Sequence[Said]) -> list[str]:
    """Host names that maps of the TLS server name have a line for."""
    maps = [one for one in said if one.name == "map" and one.values[:1] == ("$ssl_preread_server_name",)]
    keys = [line.name for one in maps for line in one.statement.block or ()]
    return [key for key in dict.fromkeys(keys) if "." in key and key[0] not in "~\\$"]


def _not_driven(where: Place, values: tuple[str, ...]) -> list[Unmet]:
    if "quic" in values:
        return [Unmet(where, "listen … quic", "HTTP/3 needs a build with http_v3; nothing is sent there")]
    if "udp" in values:
        return [Unmet(where, f"listen {values[0]} udp", "nothing is sent there: only TCP is")]
    if values[0].startswith("unix:"):
        return [Unmet(where, f"listen {values[0]}", "nothing is sent there: clients come over the network")]
    return []
