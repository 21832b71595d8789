"""The stand-in name server: it knows the names that a config was found to ask for, and denies all others.

Runs on a node, on the addresses that the config calls its resolvers, over UDP and TCP. A name with several addresses
is answered with all of them, in turn a different one first. A name that begins with an underscore is a service
(``_http._tcp.shop.example``, RFC 2782): its addresses are answered as SRV records with targets of our own making.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dnslib import AAAA, EDNS0, QTYPE, RCODE, RR, SRV, A, DNSRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

_TTL_S = 1
"""As short as can be said: whoever asks again shall see a change."""
_PLAIN_LIMIT = 512
_EDNS_LIMIT = 4096
_TCP_LIMIT = 65535
_TARGETS = "target.stand-in"
"""Zone of the names that SRV records point to: ``198-18-128-1.target.stand-in`` has the address in it."""
_SERVICE_PORT = 80
_QUESTION_LIMIT = 16
_IDLE_S = 10.0

Address = tuple[str, int]


class NoSuchNameError(Exception):
    """Nobody has this name."""


@dataclass
class Names:
    """What is known: for each name (small letters, no last dot) its addresses, and whose turn it is to be first."""

    known: dict[str, list[Address]]
    _turns: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Names:
        """From pairs of name and ``address``, ``address:port`` or ``[address]:port``; a name may come several times."""
        known: dict[str, list[Address]] = {}
        for name, where in pairs:
            entry = _place(where, _SERVICE_PORT)
            entries = known.setdefault(name.rstrip(".").lower(), [])
            if entry not in entries:
                entries.append(entry)
        return cls(known)

    def reply(self, message: bytes, limit: int) -> bytes | None:
        """The answer to one message in at most ``limit`` bytes; None to what is no question."""
        try:
            asked = DNSRecord.parse(message)
            if asked.header.qr or len(asked.questions) != 1 or len(asked.ar) > _QUESTION_LIMIT:
                return None
            return self._reply(asked, limit)
        except Exception:
            # A message from anybody: the library raises whatever comes to its mind, and no answer is an answer.
            return None

    def _reply(self, asked: DNSRecord, limit: int) -> bytes:
        reply = asked.reply(ra=1, aa=1)
        name = str(asked.q.qname).rstrip(".").lower()
        kind = QTYPE.get(asked.q.qtype)
        try:
            self._answer(reply, name, kind)
        except NoSuchNameError:
            reply.header.rcode = RCODE.NXDOMAIN
        sizes = [record.rclass for record in asked.ar if record.rtype == QTYPE.OPT]
        if sizes:
            reply.add_ar(EDNS0(udp_len=_EDNS_LIMIT))
        packed: bytes = reply.pack()
        if limit < _TCP_LIMIT and len(packed) > (max(_PLAIN_LIMIT, min(sizes[0], limit)) if sizes else _PLAIN_LIMIT):
            # Too long for a datagram: say so, with the question, and they come again over TCP.
            reply.rr, reply.ar, reply.header.tc = [], [], 1
            packed = reply.pack()
        return packed

    def _answer(self, reply: DNSRecord, name: str, kind: str) -> None:
        label = reply.q.qname
        if name.endswith(f".{_TARGETS}"):
            addresses = [(_target_address(name), 0)]
        elif name in self.known:
            addresses = self._rotated(name)
        else:
            raise NoSuchNameError(name)
        if name.startswith("_"):
            if kind == "SRV":
                for address, port in addresses:
                    target = _target_name(address)
                    reply.add_answer(RR(label, QTYPE.SRV, rdata=SRV(1, 1, port, target), ttl=_TTL_S))
                    reply.add_ar(_record(target, address))
            return
        for address, _port in addresses:
            if kind == _family(address):
                reply.add_answer(_record(label, address))

    def _rotated(self, name: str) -> list[Address]:
        entries = self.known[name]
        turn = self._turns[name] = (self._turns.get(name, -1) + 1) % len(entries)
        return entries[turn:] + entries[:turn]


async def answer(payload: dict[str, Any]) -> None:
    """Answer for ever. ``resolvers`` are the places to listen (``10.0.0.2:53``), ``names`` pairs of name and address.

    ``listening``, if given, is a file descriptor that is told when questions can come. Raises :class:`OSError` if an
    address is not ours.
    """
    names = Names.of((name, where) for name, where in payload["names"])
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as open_places:
        for address, port in dict.fromkeys(_place(where, 53) for where in payload["resolvers"]):
            datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(names), local_addr=(address, port))
            open_places.callback(datagrams.close)
            server = await loop.create_server(lambda: _Connection(names), address, port)
            open_places.callback(server.close)
        if (told := payload.get("listening")) is not None:
            os.write(told, b"1")
            os.close(told)
        await loop.create_future()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, names: Names) -> None:
        self._names = names
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass

    def datagram_received(self, data: bytes, addr: Any) -> None:
        reply = self._names.reply(data, _EDNS_LIMIT)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)

    def error_received(self, exc: Exception) -> None:
        """Somebody did not wait for the answer: no reason to stop."""


class _Connection(asyncio.Protocol):
    """Messages with their lengths in front (RFC 1035 4.2.2)."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._held = b""
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._idle = asyncio.get_running_loop().call_later(_IDLE_S, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self._idle is not None:
            self._idle.cancel()

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._held += data
        while len(self._held) >= 2:
            (length,) = struct.unpack_from(">H", self._held)
            if len(self._held) < 2 + length:
                return
            message, self._held = self._held[2 : 2 + length], self._held[2 + length :]
            reply = self._names.reply(message, _TCP_LIMIT)
            if reply is None:
                self._transport.close()
                return
            self._transport.write(struct.pack(">H", len(reply)) + reply)


def _place(where: str, port: int) -> Address:
    """``10.0.0.1``, ``10.0.0.1:53``, ``fd00::1`` or ``[fd00::1]:53``; ``port`` if none is said."""
    if where.startswith("["):
        address, _, rest = where[1:].partition("]")
        return address, int(rest[1:] or port)
    if where.count(":") == 1:
        address, _, rest = where.partition(":")
        return address, int(rest)
    return where, port


def _family(address: str) -> str:
    return "AAAA" if ":" in address else "A"


def _record(name: Any, address: str) -> RR:
    if ":" in address:
        return RR(name, QTYPE.AAAA, rdata=AAAA(address), ttl=_TTL_S)
    return RR(name, QTYPE.A, rdata=A(address), ttl=_TTL_S)


def _target_name(address: str) -> str:
    if ":" in address:
        return ipaddress.IPv6Address(address).exploded.replace(":", "-") + f".{_TARGETS}"
    return address.replace(".", "-") + f".{_TARGETS}"


def _target_address(name: str) -> str:
    label = name.removesuffix(f".{_TARGETS}")
    try:
        return str(ipaddress.ip_address(label.replace("-", ":" if label.count("-") == 7 else ".")))
    except ValueError:
        raise NoSuchNameError(name) from None
