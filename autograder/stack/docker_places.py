"""Where everything of a stack lives on Docker: addresses, and the network namespaces they are in. Pure functions.

A network namespace outlives what runs in it only if something else is in it, too, so nothing that can crash owns one:

* the clients' container owns the one that clients and servers share: a server that is down is refused at once, as on
  a machine that is up, and comes back at the address it had;
* every balancer has a *machine*, a container that only owns its network namespace. In there are also the stand-ins of
  servers that the config looks for at home: at a loopback address, at a Unix socket, at an address of the balancer.

Whatever is not on the wire goes the clients' way, who answer for 198.19.0.0/16 and for the stand-ins' addresses and
refuse the rest.
"""

from __future__ import annotations

import ipaddress
import posixpath
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from autograder.stack.engine import EngineError
from autograder.stack.model import CLIENTS, PROMETHEUS, Balancer
from autograder.stack.namespace import mount_points

if TYPE_CHECKING:
    from autograder.stack.model import Server, Stack

NODE = "/node"
"""Where a balancer's writable folders are seen in the other containers that may see them."""

MANY_CLIENTS = "198.19.0.0/16"
_MANY_CLIENTS_6 = "fd00:198:19::/48"
_WIRE_6 = "fd00:198:18::"
UNIX = "unix:"
_FIRST_BALANCER, _GATEWAY, _CLIENTS, _FIRST_SERVER, _LAST = 2, 9, 10, 11, 126
_DOOR = 130
_MOST_STAND_INS = 250
_NOBODY = 65534
_REFUSED = 200
"""Number of the routing table for what came over the wire and is for nobody."""


@dataclass(frozen=True)
class Places:
    """The places of one stack; ``number`` is the third byte of its addresses."""

    stack: Stack
    number: int

    @cached_property
    def held(self) -> tuple[Balancer, ...]:
        """The balancers, and Prometheus, which lives as they do: in a container that holds until it is started."""
        watcher = (Balancer(PROMETHEUS, PROMETHEUS, config="prometheus.yml"),) if self.stack.prometheus else ()
        return (*self.stack.balancers, *watcher)

    def check(self) -> None:
        """Raise :class:`EngineError` if there is no place for this stack."""
        balancers = len(self.held)
        servers = sum(not server.address for server in self.stack.servers)
        if balancers > _GATEWAY - _FIRST_BALANCER or servers > _LAST - _FIRST_SERVER + 1:
            raise EngineError(
                f"a stack of {balancers} balancers and {servers} servers is too big for the Docker engine",
                why=f"it has addresses for {_GATEWAY - _FIRST_BALANCER} and {_LAST - _FIRST_SERVER + 1}",
                remedy="use --engine local, or a smaller stack",
            )
        if len(self.stack.servers) - servers > _MOST_STAND_INS:
            raise EngineError(
                f"{len(self.stack.servers) - servers} stand-ins are too many",
                why=f"a stack can have {_MOST_STAND_INS}",
                remedy="leave out pools that the change does not touch",
            )
        self._no_two_at_one_place()
        assert len(self.home) == len(self.stack.servers)  # an address that is none is refused on the way
        for balancer in self.held:
            self.mounts(balancer)  # and a folder that cannot be had
            for name in balancer.around.accounts:
                if not name or any(character in name for character in ":\n/"):
                    raise EngineError(f"{name!r} cannot be an account of {balancer.name}")

    def _no_two_at_one_place(self) -> None:
        seen: dict[tuple[str, int], str] = {}
        for server in self.stack.servers:
            if server.address:
                place = (server.address, 0 if server.address.startswith(UNIX) else server.port)
                other = seen.setdefault(place, server.name)
                if other != server.name:
                    raise EngineError(
                        f"{other} and {server.name} would both listen on {server.address} port {server.port}",
                        remedy="make them one server, or give one of them another port",
                    )

    @property
    def start(self) -> str:
        """The first three bytes of this stack's addresses."""
        return f"198.18.{self.number}"

    @property
    def gateway(self) -> str:
        """The clients' other address, through which balancers find everything that is not on the wire."""
        return f"{self.start}.{_GATEWAY}"

    @property
    def wire(self) -> str:
        """The network that all nodes are on, as ``address/prefix``."""
        return f"{self.start}.0/25"

    @property
    def door(self) -> str:
        """The clients' address on the door."""
        return f"{self.start}.{_DOOR}"

    @cached_property
    def addresses(self) -> dict[str, str]:
        """Address of every node: IPv4 on the wire, or what a stand-in's ``address`` says."""
        places = {CLIENTS: f"{self.start}.{_CLIENTS}"}
        for n, balancer in enumerate(self.held):
            places[balancer.name] = f"{self.start}.{_FIRST_BALANCER + n}"
        last = iter(range(_FIRST_SERVER, _LAST + 1))
        for server in self.stack.servers:
            places[server.name] = server.address or f"{self.start}.{next(last)}"
        return places

    @cached_property
    def home(self) -> dict[str, str]:
        """Server → the node whose network namespace it lives in: clients, or a balancer."""
        own = {address: one.name for one in reversed(self.stack.balancers) for address in _plain(one.around.addresses)}
        homes = {}
        for server in self.stack.servers:
            homes[server.name] = CLIENTS
            if server.address.startswith(UNIX) or (server.address and _ip(server.address).is_loopback):
                homes[server.name] = self.stack.balancer.name
            elif server.address:
                homes[server.name] = own.get(str(_ip(server.address)), CLIENTS)
        return homes

    def host(self, server: Server) -> str:
        """The address a server's shop is told to listen on: as its own container sees it."""
        address = self.addresses[server.name]
        if not address.startswith(UNIX):
            return address
        return f"{UNIX}{NODE}{posixpath.normpath(address.removeprefix(UNIX))}"

    @cached_property
    def ipv6(self) -> bool:
        """Whether anything in this stack has an IPv6 address."""
        named = [server.address for server in self.stack.servers if not server.address.startswith(UNIX)]
        for balancer in self.stack.balancers:
            named += [*balancer.around.addresses, *(_host(one) for one in balancer.around.resolvers)]
        return any(":" in address for address in named)

    def mounts(self, balancer: Balancer) -> tuple[str, ...]:
        """Folders that a balancer needs as mounts of their own, beyond the usual ones."""
        sockets: tuple[str, ...] = ()
        if balancer == self.stack.balancer:
            sockets = tuple(posixpath.dirname(path) for path in self.sockets())
        return mount_points((*balancer.around.folders, *sockets))

    def sockets(self) -> list[str]:
        """Paths of the stand-ins' Unix sockets, as the first balancer sees them."""
        found = [one.address.removeprefix(UNIX) for one in self.stack.servers if one.address.startswith(UNIX)]
        return [posixpath.normpath(path) for path in found]

    def hosts(self, node: str) -> list[str]:
        """Names for a node's ``/etc/hosts``, as ``name:address``."""
        known = [f"{name}:{address}" for name, address in self.addresses.items() if not address.startswith(UNIX)]
        names = [pair for one in self.held if one.name == node for pair in one.around.names]
        more = [f"{name}:{_host(address) if _has_port(address) else address}" for name, address in names]
        return known + more

    def order(self, node: str) -> dict[str, Any]:
        """What the container that owns the network namespace of ``node`` (clients, or a balancer) is to do there.

        ``network`` are lines for ``ip -batch``, each after ``-4`` or ``-6``, in which ``{wire}`` is the device on the
        wire; ``listening`` the servers (address, port) that must accept connections; ``names`` the order for the name
        server, if any.
        """
        network = self._clients_network() if node == CLIENTS else self._balancer_network(self.balancer(node))
        listening = [[self.host(one), one.port] for one in self.stack.servers if self.home[one.name] == node]
        return {"network": network, "listening": listening, "names": self._names(node)}

    def has_order(self, balancer: str) -> bool:
        """Whether there is anything to do in a balancer's network namespace."""
        return any(self.order(balancer).values())

    def _clients_network(self) -> list[str]:
        here = [one.address for one in self.stack.servers if one.address and self.home[one.name] == CLIENTS]
        here += [one.rpartition(":")[0].strip("[]") for one in self._names(CLIENTS).get("resolvers", ())]
        lines = [
            # Docker says that the wire leads to the gateway, which we are, and sooner or later that the door leads to
            # the world.
            "-4 route flush default",
            "-4 rule add lookup main suppress_prefixlength 0 pref 110",
            "-4 rule add unreachable pref 120",
            f"-4 route add local {MANY_CLIENTS} dev lo",
            f"-4 address add {self.gateway}/25 dev {{wire}}",
            # Who asks for an address that nobody has is refused at once, which is worth more than silence.
            f"-4 route add unreachable default table {_REFUSED}",
            f"-4 rule add iif {{wire}} lookup {_REFUSED} pref 100",
            # This machine is on the door, for visitors. Servers have no business there.
            f"-4 rule add uidrange {_NOBODY}-{_NOBODY} to {self.start}.128/25 prohibit pref 90",
        ]
        plain = [self.addresses[one.name] for one in self.stack.servers if not one.address]
        lines += [f"-4 route add local {address} dev lo" for address in plain]
        if self.ipv6:
            lines += [*self._wire_6(_GATEWAY), f"-6 route add local {_MANY_CLIENTS_6} dev lo"]
            lines += [f"-6 rule add iif {{wire}} lookup {_REFUSED} pref 100"]
            lines += [f"-6 route add unreachable default table {_REFUSED}"]
        lines += _own(here)
        return lines + self._ways_to_balancers(CLIENTS)

    def _balancer_network(self, balancer: Balancer) -> list[str]:
        resolvers = [_host(one) for one in self._names(balancer.name).get("resolvers", ())]
        lines = []
        if self.ipv6:
            lines += self._wire_6(int(self.addresses[balancer.name].rpartition(".")[2]))
            lines.append(f"-6 route add default via {_WIRE_6}{_GATEWAY}")
        lines += _own([*balancer.around.addresses, *resolvers])
        return lines + self._ways_to_balancers(balancer.name)

    def _wire_6(self, last: int) -> list[str]:
        # Docker gives the networks no IPv6, so the machine is there with link-local addresses only.
        return [
            "-6 rule add to fe80::/10 prohibit pref 90",
            "-6 address flush dev {wire} scope link",
            f"-6 address add {_WIRE_6}{last}/64 dev {{wire}} nodad",
            # Who sends from an address on lo looks for its neighbour from a link-local one, or not at all (RFC 4861,
            # 7.2.2; Linux' ndisc_solicit). Alone in its prefix it leads to nobody else.
            f"-6 address add fe80::{last}/128 dev {{wire}} nodad",
        ]

    def _ways_to_balancers(self, node: str) -> list[str]:
        """Routes to the addresses that the other balancers have besides those on the wire."""
        lines = []
        for balancer in self.stack.balancers:
            if balancer.name != node:
                via = self.addresses[balancer.name]
                via_6 = f"{_WIRE_6}{via.rpartition('.')[2]}"
                lines += [
                    f"-6 route add {one} via {via_6}" if ":" in one else f"-4 route add {one} via {via}"
                    for one in _plain(balancer.around.addresses)
                ]
        return lines

    def _names(self, node: str) -> dict[str, Any]:
        """Order for the name server at ``node``: a balancer's own, but at a stand-in's address it is where that is."""
        standing = {
            str(_ip(one.address)) for one in self.stack.servers if one.address and self.home[one.name] == CLIENTS
        }
        resolvers: list[str] = []
        names: list[list[str]] = []
        for balancer in self.stack.balancers:
            mine = [
                one
                for one in balancer.around.resolvers
                if node == (CLIENTS if str(_ip(_host(one))) in standing else balancer.name)
            ]
            if mine:
                resolvers += [one for one in mine if one not in resolvers]
                names += [[name, address] for name, address in balancer.around.names]
        return {"resolvers": resolvers, "names": names} if resolvers else {}

    def balancer(self, name: str) -> Balancer:
        """One of :attr:`held`."""
        return next(balancer for balancer in self.held if balancer.name == name)


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(address)
    except ValueError as error:
        raise EngineError(f"{address!r} is not an address", remedy="use IPv4, IPv6 or unix:/path") from error


def _has_port(address: str) -> bool:
    return address.startswith("[") or address.count(":") == 1


def _host(resolver: str) -> str:
    return resolver.rpartition(":")[0].strip("[]")


def _plain(addresses: tuple[str, ...] | list[str]) -> list[str]:
    """Without repetitions, and without those that every namespace has."""
    every = [_ip(address) for address in addresses]
    return list(dict.fromkeys(str(one) for one in every if not one.is_loopback and not one.is_unspecified))


def _own(addresses: list[str]) -> list[str]:
    """Lines that make addresses a namespace's own. One that is not 127.0.0.1 but in 127.0.0.0/8 is there already."""
    return [
        f"-6 address add {one}/128 dev lo nodad" if ":" in one else f"-4 address add {one}/32 dev lo"
        for one in _plain(addresses)
    ]
