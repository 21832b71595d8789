"""The doors of a twin: where a config takes traffic, and how to talk there."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autograder.stack.model import Door
from autograder.stack.twin.naming import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autograder.stack.proxies.reading import Listening, Place, Upstream

OWN_SIX = "fd00:198:18:ff::1"
"""The balancer's IPv6 address, where a config listens at any."""


@dataclass(frozen=True)
class Entrance:
    """A door, where the config says it, and the pools that its traffic can reach."""

    door: Door
    place: Place
    pools: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """The host names it answers to, as written; none if to any."""


def entrances(listens: Sequence[Listening], upstreams: Iterable[Upstream], own: Mapping[str, str]) -> list[Entrance]:
    """A door for each place and first host name. ``own`` has the addresses of names the balancer listens at.

    The address is empty for any IPv4 address: which one that is the engine knows. What only the balancer itself can
    reach is no door.
    """
    grpc = {u.pool for u in upstreams if u.speaks == "grpc"}
    found: dict[tuple[object, ...], Entrance] = {}
    for listening in listens:
        if (
            listening.address.startswith("unix:")
            or listening.protocol not in ("http", "h2", "tcp")
            or not listening.port
            or inside(listening)
        ):
            continue
        address = own.get(listening.address, listening.address)
        door = Door(
            OWN_SIX if address == "::" else address,
            listening.port,
            host_of(listening.names),
            listening.tls,
            _protocol(listening, grpc),
            listening.proxy_protocol,
        )
        entrance = Entrance(door, listening.place, listening.pools, listening.names)
        found.setdefault((door.address, door.port, door.host), entrance)
    # Those that reach servers first: the first door is where traffic is sent unless told otherwise.
    return sorted(found.values(), key=lambda entrance: not entrance.pools)


def placed(entrance: Entrance, address: str) -> Entrance:
    """The entrance with its address, ``address`` for any."""
    return entrance if entrance.door.address else replace(entrance, door=replace(entrance.door, address=address))


def _protocol(listening: Listening, grpc: set[str]) -> str:
    if listening.protocol in ("tcp", "h2"):
        return listening.protocol
    # Browsers speak HTTP/2 where TLS offers it; in the clear only those do who know, as callers of gRPC.
    return "h2" if listening.h2 and (listening.tls or grpc & set(listening.pools)) else "http/1.1"


def inside(listening: Listening) -> bool:
    """Whether only programs on the balancer's own machine can come in here."""
    try:
        return ipaddress.ip_address(listening.address).is_loopback
    except ValueError:
        return listening.address == "localhost"
