"""A network of its own for each balancer, joined to the servers' by a cable: as in production, a machine each.

On one machine, nginx cannot listen at ``*:80`` while a server listens at ``10.0.0.11:80``, or another nginx at
``*:80``: the kernel sees one port taken twice. So where stand-ins have addresses that a config names, and where there
are several balancers, each gets a network namespace of its own; a virtual Ethernet pair (veth) leads to it, and what
one balancer sends to another goes through the servers' network. Runs inside the sandbox with the standard library; no
program is needed, because the kernel is asked over netlink (rtnetlink(7)) directly.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from typing import TYPE_CHECKING

from autograder.stack.namespace import own_addresses

if TYPE_CHECKING:
    from collections.abc import Iterable

_THERE = "servers"
_NEW_LINK, _NEW_ADDRESS, _NEW_ROUTE = 16, 20, 24
_CREATE = 0x0001 | 0x0004 | 0x0200 | 0x0400  # request, with an answer; make it, and only if it is not there
_IFNAME, _LINKINFO, _KIND, _DATA, _PEER, _NETWORK_FD = 3, 18, 1, 2, 1, 28
_SPECIAL, _CONFIG, _FORWARDING = 26, 1, 1
_ADDRESS, _LOCAL = 1, 2
_DESTINATION, _DEVICE, _GATEWAY, _SOURCE = 1, 4, 5, 7
_ON_LINK = 4
_UP, _AT_ONCE, _UNICAST, _BY_HAND, _LINK_SCOPE = 1, 0x02, 1, 4, 253
_TABLE_MAIN, _TABLE_LOCAL = 254, 255
_CLONE_NEW_NETWORK = 0x40000000
CLIENT_SIX = "fd00:198:19::1"
"""Where clients' IPv6 connections come from."""


def make_apart(number: int, own: Iterable[str], here: Iterable[str], source: str) -> int:
    """Make a network in which the addresses ``own`` are, and lead to it from here; returns its descriptor.

    ``number`` tells it from others. ``here`` are addresses on this side that are to be found from there (IPv6 alone
    must be told); ``source`` is the IPv4 address that connections from here come from. From one network made so, the
    IPv4 addresses of the others are found, too. Raises :class:`OSError` where the kernel cannot do it.
    """
    device = f"balancer{number}"
    addresses = list(dict.fromkeys(own))
    six = [address for address in addresses if ":" in address]
    four = [address for address in addresses if ":" not in address]
    # A kernel without IPv6 is asked for none where no config names any.
    here_six = [address for address in here if ":" in address and address not in addresses and address != "::1"]
    here_six = [CLIENT_SIX, *here_six] if six or here_six else []
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _libc("unshare", _CLONE_NEW_NETWORK)
        apart = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        enter(home)
        with _Kernel() as kernel:
            kernel.cable(device, apart)
            kernel.up(device)
            kernel.pass_on(device)
            for address in here_six:
                kernel.address(device, address)
        enter(apart)
        own_addresses([])  # its loopback device is up
        with _Kernel() as kernel:
            kernel.up(_THERE)
            for address in addresses:
                kernel.address(_THERE, address)
            # Through one gateway, or the kernel would note a neighbour for each of a thousand clients, and its table
            # of those has 1,024 places for the whole machine.
            kernel.route(_THERE, "", four[0] if four else "", source)
            if here_six:
                kernel.route(_THERE, "", six[0] if six else "", CLIENT_SIX)
        enter(home)
        with _Kernel() as kernel:
            for address in addresses:
                kernel.route(device, address, source if ":" not in address else CLIENT_SIX)
    finally:
        enter(home)
        os.close(home)
    return apart


def enter(network: int) -> None:
    """Move this process to a network, by its descriptor."""
    _libc("setns", network, _CLONE_NEW_NETWORK)


def _libc(function: str, *arguments: int) -> None:
    if getattr(_LIBC, function)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


_LIBC = ctypes.CDLL(None, use_errno=True)


class _Kernel:
    """Requests to the kernel about the network this process is in; each is answered before the next is made."""

    def __enter__(self) -> _Kernel:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)  # 0: NETLINK_ROUTE
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def cable(self, device: str, network: int) -> None:
        """A pair of devices, one here, one in another network."""
        peer = (
            _link() + _attribute(_IFNAME, _THERE.encode() + b"\0") + _attribute(_NETWORK_FD, struct.pack("i", network))
        )
        kind = _attribute(_KIND, b"veth") + _attribute(_DATA, _attribute(_PEER, peer))
        self._ask(_NEW_LINK, _link() + _attribute(_IFNAME, device.encode() + b"\0") + _attribute(_LINKINFO, kind))

    def up(self, device: str) -> None:
        """Switch a device on."""
        self._ask(_NEW_LINK, _link(socket.if_nametoindex(device), _UP), flags=0x0001 | 0x0004)

    def pass_on(self, device: str) -> None:
        """Let what arrives at a device go on to others here."""
        switch = _attribute(_FORWARDING, struct.pack("I", 1))
        special = _attribute(_SPECIAL, _attribute(socket.AF_INET, _attribute(_CONFIG, switch)))
        self._ask(_NEW_LINK, _link(socket.if_nametoindex(device)) + special, flags=0x0001 | 0x0004)

    def address(self, device: str, address: str) -> None:
        """Give a device one address, which can be used at once."""
        family, packed = _packed(address)
        head = struct.pack("BBBBi", family, len(packed) * 8, _AT_ONCE, 0, socket.if_nametoindex(device))
        self._ask(_NEW_ADDRESS, head + _attribute(_LOCAL, packed) + _attribute(_ADDRESS, packed))

    def route(self, device: str, address: str, source: str, gateway: str = "") -> None:
        """The way to one address (to all, if it is empty), with the address that is sent from."""
        family = socket.AF_INET6 if ":" in (address or gateway) else socket.AF_INET
        parts = [_attribute(_DEVICE, struct.pack("i", socket.if_nametoindex(device)))]
        length, table = 0, _TABLE_MAIN
        if address:
            packed = _packed(address)[1]
            parts.append(_attribute(_DESTINATION, packed))
            # Ahead of the whole range, which is said to be this side's own in the same table.
            length, table = len(packed) * 8, _TABLE_LOCAL
        if gateway:
            parts.append(_attribute(_GATEWAY, _packed(gateway)[1]))
        if source:
            parts.append(_attribute(_SOURCE, _packed(source)[1]))
        scope = _LINK_SCOPE if family == socket.AF_INET and not gateway else 0
        flags = _ON_LINK if gateway else 0
        head = struct.pack("BBBBBBBBI", family, length, 0, 0, table, _BY_HAND, scope, _UNICAST, flags)
        self._ask(_NEW_ROUTE, head + b"".join(parts))

    def _ask(self, what: int, body: bytes, flags: int = _CREATE) -> None:
        self._socket.send(struct.pack("IHHII", 16 + len(body), what, flags, 1, 0) + body)
        answer = self._socket.recv(65536)
        (number,) = struct.unpack_from("i", answer, 16)
        if number:
            raise OSError(-number, f"the kernel does not make a second network: {os.strerror(-number)}")


def _link(index: int = 0, flags: int = 0) -> bytes:
    return struct.pack("BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _packed(address: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)
