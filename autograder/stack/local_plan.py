"""What a stack looks like on the local engine: an address for every node, and what the keeper is told to make."""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from autograder.stack.engine import EngineError
from autograder.stack.local_sandbox import BWRAP_INSIDE
from autograder.stack.model import CLIENTS, PROMETHEUS
from autograder.stack.namespace import NODES, mount_points
from autograder.stack.shop_spec import ShopSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from autograder.stack.model import Balancer, Server, Stack

NETWORK = "198.18.0.1/15"
"""All of the benchmarking range (RFC 2544) belongs to the stack: nodes, clients, and stand-ins that have no address."""

MOST_SERVERS = 250
MOST_BALANCERS = 7
_UNIX = "unix:"


def addresses(stack: Stack) -> dict[str, str]:
    """Address of every node. Raises :class:`EngineError` if there are too many."""
    for kind, number, most in (
        ("servers", len(stack.servers), MOST_SERVERS),
        ("balancers", len(stack.balancers), MOST_BALANCERS),
    ):
        if number > most:
            raise EngineError(
                f"a stack of {number} {kind} is too big to run here",
                why=f"a sandbox holds at most {most}",
                remedy="try a part of the config: leave out pools that have nothing to do with the question",
            )
    found = {CLIENTS: "198.18.0.10"}
    found |= {b.name: f"198.18.0.{2 + n}" for n, b in enumerate(stack.balancers)}
    found |= {s.name: s.address or f"198.18.{(11 + n) // 250}.{(11 + n) % 250}" for n, s in enumerate(stack.servers)}
    if stack.prometheus:
        found[PROMETHEUS] = "198.18.0.9"
    return found


def order(stack: Stack, where: Mapping[str, str]) -> dict[str, Any]:
    """What the keeper's ``set_up`` is told, with the ``addresses`` of the nodes.

    Raises :class:`EngineError` naming an address or a folder that cannot be had here.
    """
    _refuse_twins(stack.servers, where)
    wanted = [_ip(server.address, server.name) for server in stack.servers if _is_ip(server.address)]
    own = {balancer.name: list(_own(balancer, where)) for balancer in stack.balancers}
    # Servers at addresses that a config names, and other balancers, are other machines: each may use the same ports.
    apart = own if wanted or len(own) > 1 else {}
    there = {address for addresses in apart.values() for address in addresses}
    wanted += [_ip(address, CLIENTS) for balancer in stack.balancers for address in balancer.around.clients]
    shared = [] if apart else [_ip(address, name) for name, addresses in own.items() for address in addresses]
    return {
        "networks": [
            NETWORK,
            *(n for n in dict.fromkeys(_networks([*wanted, *shared])) if n.split("/")[0] not in there),
        ],
        "apart": apart,
        "source": where[CLIENTS],
        "hosts": {name: address for name, address in where.items() if not address.startswith(_UNIX)},
        "balancers": [*_balancers(stack), *([_plain(PROMETHEUS)] if stack.prometheus else [])],
        "servers": [asdict(_spec(server, stack, where)) for server in stack.servers],
        "bwrap": [BWRAP_INSIDE],
    }


def _own(balancer: Balancer, where: Mapping[str, str]) -> Iterator[str]:
    """The addresses of one balancer: the node's, and what its config listens on or asks for names."""
    yield where[balancer.name]
    for place in (*balancer.around.addresses, *(_host(resolver) for resolver in balancer.around.resolvers)):
        address = _ip(place, balancer.name)
        if not (address.is_loopback or address.is_unspecified):
            yield str(address)


def _spec(server: Server, stack: Stack, where: Mapping[str, str]) -> ShopSpec:
    spec = ShopSpec.of(server, where[server.name])
    if spec.host.startswith(_UNIX):
        # A stand-in behind a Unix socket lives in the folders of the balancer that talks to it.
        path = spec.host.removeprefix(_UNIX)
        return replace(spec, host=f"{_UNIX}{NODES}/{stack.balancer.name}{path}")
    return spec


def _balancers(stack: Stack) -> Iterator[dict[str, Any]]:
    sockets = [s.address.removeprefix(_UNIX) for s in stack.servers if s.address.startswith(_UNIX)]
    for balancer in stack.balancers:
        around = balancer.around
        folders = list(around.folders)
        if balancer == stack.balancer:
            folders += [path.rpartition("/")[0] or "/" for path in sockets]
        yield {
            "name": balancer.name,
            "mounts": mount_points(folders),
            "folders": folders,
            "names": around.names,
            "accounts": _accounts(balancer),
            "resolvers": around.resolvers,
        }


def _plain(name: str) -> dict[str, Any]:
    return {"name": name, "mounts": (), "folders": (), "names": (), "accounts": (), "resolvers": ()}


def _accounts(balancer: Balancer) -> tuple[str, ...]:
    for name in balancer.around.accounts:
        if not name or any(character in name for character in ":\n/"):
            raise EngineError(f"{name!r} cannot be an account of {balancer.name}")
    return balancer.around.accounts


def _refuse_twins(servers: Iterable[Server], where: Mapping[str, str]) -> None:
    seen: dict[tuple[str, int], str] = {}
    for server in servers:
        address = where[server.name]
        place = (address, 0 if address.startswith(_UNIX) else server.port)
        if place in seen:
            raise EngineError(
                f"{seen[place]} and {server.name} would both listen on {address} port {server.port}",
                remedy="make them one server, or give one of them another port",
            )
        seen[place] = server.name


def _is_ip(address: str) -> bool:
    return bool(address) and not address.startswith(_UNIX)


def _host(place: str) -> str:
    """``10.0.0.2`` of ``10.0.0.2:53``, ``fd00::2`` of ``[fd00::2]:53``; an address without a port is left alone."""
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place.partition(":")[0] if place.count(":") == 1 else place


def _ip(address: str, node: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(address)
    except ValueError as error:
        raise EngineError(
            f"{address!r} cannot be an address of {node}", why=str(error), remedy="use an IPv4 or IPv6 address"
        ) from error


def _networks(wanted: Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> Iterator[str]:
    own = ipaddress.ip_network(NETWORK, strict=False)
    for address in wanted:
        if not (address.is_loopback or address.is_unspecified or (address.version == 4 and address in own)):
            yield f"{address}/{address.max_prefixlen}"
