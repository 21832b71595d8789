"""From what a config names to a stack in which it can run: a stand-in at every address, a name for every host."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.stack.engine import EngineError
from autograder.stack.model import Balancer, Server, Stack, Surroundings
from autograder.stack.namespace import mount_points
from autograder.stack.proxies.insiders import addresses_in
from autograder.stack.proxies.reading import Unmet
from autograder.stack.twin.doors import OWN_SIX, entrances, inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from autograder.stack.proxies.reading import Expected, Needs, Upstream
    from autograder.stack.twin.conjure import Authority
    from autograder.stack.twin.doors import Entrance

NODE = "twin-balancer"
"""Name of the node that runs the config: one that no config would call a server."""
OWN_FOUR = "198.18.255.1"
"""The balancer's address under names of its own."""
MOST_SERVERS = 250
_NAMES = ipaddress.ip_network("198.18.128.0/17")
_WORKERS = 32
_LINES = {"tcp", "mysql", "smtp"}
"""What stand-ins speak in which traffic is lines of text, whatever else they know."""
_ACCOUNT = re.compile(r"[A-Za-z_][\w.-]{0,31}\$?")


class TwinError(ManyHandsError):
    """A config that no twin can be made of."""


@dataclass(frozen=True)
class Plan:
    """A stack for one config. ``labels`` tell how the config calls each stand-in; ``home`` is the config folder.

    ``members`` are the places in pools that each stand-in has (node name → upstreams, one at least).
    """

    stack: Stack
    labels: Mapping[str, str]
    entrances: tuple[Entrance, ...]
    unmet: tuple[Unmet, ...]
    home: str
    members: Mapping[str, tuple[Upstream, ...]] = field(default_factory=dict)


def plan(needs: Needs, proxy: str, config: str, home: str, authority: Authority, capacity: Mapping[str, float]) -> Plan:
    """Plan a stack. ``capacity`` (label, ``host:port`` or host → factor) multiplies a stand-in's workers.

    Raises :class:`TwinError` if it would need too many servers.
    """
    return _Planning(needs, authority, capacity, home).plan(proxy, config)


@dataclass
class _Planning:
    needs: Needs
    authority: Authority
    capacity: Mapping[str, float]
    home: str
    unmet: list[Unmet] = field(default_factory=list)
    servers: dict[tuple[str, int], Server] = field(default_factory=dict)
    named: dict[str, list[Upstream]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)

    def plan(self, proxy: str, config: str) -> Plan:
        self._give_names()
        for upstream, address in self._places():
            self._stand_in(upstream, address)
        if len(self.servers) > MOST_SERVERS:
            raise TwinError(
                f"this config names {len(self.servers)} servers, and a twin has room for {MOST_SERVERS}",
                why="each stands in as a process of its own",
                remedy="leave out pools that do not matter for the question, in a copy of the config",
            )
        doors = tuple(entrances(self.needs.listens, self.needs.upstreams, dict.fromkeys(self._own_names(), OWN_FOUR)))
        if not doors:
            why = "only programs on the balancer's own machine can come in here, and there is no other door"
            self.unmet += [
                Unmet(li.place, f"listen {li.address}:{li.port}", why) for li in self.needs.listens if inside(li)
            ]
        port = next((entrance.door.port for entrance in doors), 80)
        balancer = Balancer(NODE, proxy, port=port, config=config, around=self._around())
        stack = Stack("twin", (balancer,), tuple(self.servers.values()))
        members = {node: tuple(upstreams) for node, upstreams in self.named.items()}
        return Plan(stack, self._labels(), doors, tuple(dict.fromkeys(self.unmet)), self.home, members)

    def _expected(self, *kinds: str) -> Iterable[Expected]:
        return (expected for expected in self.needs.expected if expected.kind in kinds)

    def _own_names(self) -> list[str]:
        names = {e.what for e in self._expected("own-name")}
        return [listening.address for listening in self.needs.listens if listening.address in names]

    def _give_names(self) -> None:
        """Each name an address of its own; as many as there are servers that are all found under it."""
        hosts: dict[str, int] = {}
        for upstream in self.needs.upstreams:
            if not _literal(upstream.host) and not upstream.host.startswith("unix:") and upstream.host != "localhost":
                hosts.setdefault(upstream.host.lower(), 1)
        found = Counter((u.pool, u.host.lower(), u.port) for u in self.needs.upstreams if u.duty == "resolved")
        for (_, host, _), number in found.items():
            hosts[host] = max(hosts.get(host, 1), number)
        for expected in self._expected("name"):
            hosts.setdefault(expected.what.lower(), 1)
        own = set(self._own_names())
        free = _NAMES.hosts()
        self.names = {
            host: [OWN_FOUR] if host in own else [str(next(free)) for _ in range(number)]
            for host, number in hosts.items()
        }

    def _places(self) -> Iterable[tuple[Upstream, str]]:
        """Every upstream with the address of its stand-in; not those that are the balancer itself."""
        seen = Counter[tuple[str, str, int]]()
        for upstream in self.needs.upstreams:
            host = upstream.host.lower()
            if host.startswith("unix:"):
                address = upstream.host
            elif host in ("localhost", "0.0.0.0"):
                address = "127.0.0.1"
            elif host in self.names:
                given = self.names[host]
                address = given[seen[upstream.pool, host, upstream.port] % len(given)]
                seen[upstream.pool, host, upstream.port] += upstream.duty == "resolved"
            else:
                address = str(ipaddress.ip_address(host))
                if not _usable(address):
                    self._cannot(upstream, f"server {upstream.label}", "nobody can listen at this address")
                    continue
            if not self._is_balancer(address, upstream.port):
                yield upstream, address

    def _is_balancer(self, address: str, port: int) -> bool:
        for listening in self.needs.listens:
            if listening.address.startswith("unix:"):
                if listening.address == address:
                    return True
            elif listening.port == port and listening.protocol != "udp":
                same = listening.address == address or (listening.address == "localhost" and address == "127.0.0.1")
                anywhere = listening.address in ("", "::") and address in self._own_addresses()
                if same or anywhere:
                    return True
        return False

    def _own_addresses(self) -> list[str]:
        own = [str(ipaddress.ip_address(li.address)) for li in self.needs.listens if _literal(li.address)]
        own += [expected.what for expected in self._expected("address")]
        own += [OWN_FOUR] if self._own_names() else []
        own += [OWN_SIX] if any(listening.address == "::" for listening in self.needs.listens) else []
        return [*dict.fromkeys(a for a in own if not _unspecified(a)), "127.0.0.1", "::1"]

    def _stand_in(self, upstream: Upstream, address: str) -> None:
        known = self.servers.get((address, upstream.port))
        tls = bool(known and known.certificate)
        if known is not None:
            self.named[known.name].append(upstream)
            both = {known.speaks, upstream.speaks}
            if tls == upstream.tls and "tcp" in both and both <= _LINES:
                # A database is spoken to as one where it is checked, and in plain lines by all others.
                speaks = next(iter(both - {"tcp"}), "tcp")
                says = known.says if upstream.says in known.says else f"{known.says}\n{upstream.says}".strip()
                self.servers[address, upstream.port] = replace(known, speaks=speaks, says=says)
            elif (known.speaks, tls) != (upstream.speaks, upstream.tls):
                spoken = f"{known.speaks}{' over TLS' if tls else ''}"
                self._cannot(upstream, f"server {upstream.label}", f"the stand-in at this address speaks {spoken}")
            elif upstream.says not in known.says:
                says = "\n".join(filter(None, (known.says, upstream.says)))
                self.servers[address, upstream.port] = replace(known, says=says)
            return
        certificate = ""
        if upstream.tls:
            # Whoever is checked for a name is given that name; nobody checks the others.
            names = [upstream.verified_as] if upstream.verified_as else [upstream.host, *self._hosts()]
            leaf = self.authority.leaf(names)
            certificate = (leaf.chain + leaf.key).decode()
        self.servers[address, upstream.port] = Server(
            f"stand-in-{len(self.servers) + 1}",
            port=upstream.port or 80,
            workers=max(1, round(_WORKERS * self._factor(upstream))),
            service_ms=20,
            page_ms=1,
            queue=256,
            address=address,
            speaks=upstream.speaks,
            certificate=certificate,
            says=upstream.says,
        )
        self.named.setdefault(self.servers[address, upstream.port].name, []).append(upstream)

    def _factor(self, upstream: Upstream) -> float:
        words = (f"{upstream.pool}/{upstream.label}", upstream.label, f"{upstream.host}:{upstream.port}", upstream.host)
        return next((self.capacity[word] for word in words if word in self.capacity), 1.0)

    def _hosts(self) -> list[str]:
        return [name for listening in self.needs.listens for name in listening.names]

    def _labels(self) -> dict[str, str]:
        """What each stand-in is called: its label, with its pool or number where that would not tell it from others."""
        first = {node: upstreams[0] for node, upstreams in self.named.items()}
        for spell in ("{u.label}", "{u.pool}/{u.label}", "{u.pool}/{u.label} ({node})"):
            labels = {node: spell.format(u=upstream, node=node) for node, upstream in first.items()}
            if len(set(labels.values())) == len(labels):
                break
        return labels if first else {}

    def _around(self) -> Surroundings:
        paths = [expected.what for expected in self._expected("folder")]
        folders = [path for path in dict.fromkeys(paths) if not f"{path}/".startswith(f"{self.home}/")]
        return Surroundings(
            addresses=tuple(a for a in self._own_addresses() if a not in ("127.0.0.1", "::1")),
            names=tuple((host, address) for host, given in self.names.items() for address in given)
            + tuple((host, OWN_FOUR) for host in dict.fromkeys(self._own_names()) if host not in self.names),
            folders=tuple(folder for folder in folders if mountable(folder)),
            accounts=tuple(e.what for e in self._expected("account") if _ACCOUNT.fullmatch(e.what)),
            resolvers=tuple(dict.fromkeys(self._resolver(e) for e in self._expected("resolver"))),
            clients=addresses_in(self.needs.insiders, {*self._own_addresses(), *(a for a, _ in self.servers)}),
        )

    def _resolver(self, expected: Expected) -> str:
        host, _, port = expected.what.rpartition(":")
        host = host.strip("[]").lower()
        address = self.names[host][0] if host in self.names else "127.0.0.1" if host == "localhost" else host
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

    def _cannot(self, upstream: Upstream, what: str, consequence: str) -> None:
        self.unmet.append(Unmet(upstream.place, what, consequence))


def mountable(folder: str) -> bool:
    """Whether ``folder`` can be made for a balancer: not the system's own, nor the folder that our own files are in."""
    if f"{folder}/".startswith("/run/manyhands/") or folder in ("/etc", "/run", "/srv", "/var"):
        return False
    try:
        mount_points([folder])
    except EngineError:
        return False
    return True


def more(needs: Needs, expected: Iterable[Expected]) -> Needs:
    """``needs`` with things that came to light later."""
    return replace(needs, expected=(*needs.expected, *expected))


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _unspecified(address: str) -> bool:
    return _literal(address) and (
        ipaddress.ip_address(address).is_unspecified or ipaddress.ip_address(address).is_loopback
    )


def _usable(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    six_link_local = parsed.version == 6 and parsed.is_link_local
    return not (parsed.is_multicast or parsed.is_unspecified or six_link_local or address == "255.255.255.255")
