"""How what arrives at a server reaches the dialect it speaks: sockets, TLS, the PROXY header, a slow or broken network.

Runs on a node with the standard library and uvloop.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import errno
import importlib
import os
import socket
from typing import TYPE_CHECKING, Any, cast

from autograder.stack.dialects.preface import UNDECIDED, header_length
from autograder.stack.socket_filter import filter_socket

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext

    from autograder.stack.shop import Shop

    Make = Callable[[Any], asyncio.Protocol]

UNIX = "unix:"

_FILES = {"http": "http1", "h2c": "http2", "grpc": "http2", "uwsgi": "cgi", "scgi": "cgi"}
"""Files of dialects that are not called as the protocol is."""

_BACKLOG = 4096
_HANDSHAKE_SECONDS = 10.0
_OLD_HELLO = b"\x16\x03\x00"
"""How SSL 3 begins: with it, balancers look whether a server speaks TLS (HAProxy's ``ssl-hello-chk``)."""
_ALERT = b"\x15\x03\x00\x00\x02\x02\x28"
"""What such a server says: handshake failure. The library would hang up without a word."""
_PEEKED = 4096
_EARLY = 0.002
"""Timers may ring that much early."""
_ADDRESS_SECONDS = 20.0
"""How long an address may take to come: another container brings it, and a busy machine is slow to start that one."""
_LOOK_AGAIN = 0.02


def speaker(protocol: str) -> Make:
    """What makes a protocol object for a connection that speaks one of ``model.PROTOCOLS``."""
    module = importlib.import_module(f"autograder.stack.dialects.{_FILES.get(protocol, protocol)}")
    make: Make = module.SPEAKERS[protocol]
    return make


class Line(asyncio.Protocol):
    """One connection, between its transport and the dialect.

    Drops a PROXY header, and lets what arrives wait as long as the network is slow, in order.
    """

    __slots__ = ("_begun", "_due", "_head", "_inner", "_late", "_reception", "_transport")

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._inner: asyncio.Protocol
        self._begun = reception.tls is not None
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self._late: collections.deque[tuple[float, Callable[[Any], Any], Any]] | None = None
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Choose the dialect, and tell it."""
        reception = self._reception
        self._transport = cast("asyncio.Transport", transport)
        reception.lines.add(self)
        if reception.filtered:
            filter_socket(transport.get_extra_info("socket").fileno(), reception.loss)
        make = reception.make
        if reception.tls is not None and transport.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1":
            make = speaker("http")
        self._inner = make(reception.shop)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass it on: the hot path, on which the connection has begun and the network is well."""
        if self._begun and self._late is None and not self._reception.slow:
            self._inner.data_received(data)
        else:
            self._pass(self._arrived, data)

    def _arrived(self, data: bytes) -> None:
        if not self._begun:
            data = self._head + data
            length = header_length(data)
            if length == UNDECIDED or length > len(data):
                self._head = data
                return
            self._begun, self._head = True, b""
            data = data[length:]
        if data:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Tell the dialect; its transport is closed unless it wants to go on."""
        if self._late is None and not self._reception.slow:
            return self._inner.eof_received()
        self._pass(self._ended, None)
        return True

    def _ended(self, _: None) -> None:
        if not self._inner.eof_received() and self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the dialect at once: there is nobody left to answer."""
        self._reception.lines.discard(self)
        self._late = None
        self._transport = None
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Tell the dialect."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Tell the dialect."""
        self._inner.resume_writing()

    def _pass(self, action: Callable[[Any], Any], argument: Any) -> None:
        """Do it now, or as late as the network is; never before what arrived earlier."""
        if self._late is None and not self._reception.slow:
            action(argument)
            return
        if self._late is None:
            self._late = collections.deque()
        loop = asyncio.get_running_loop()
        self._due = max(self._due, loop.time() + self._reception.latency())
        self._late.append((self._due, action, argument))
        loop.call_at(self._due, self.catch_up)

    def catch_up(self) -> None:
        """Look at what waited long enough. While the cable is pulled, everything waits."""
        now = asyncio.get_running_loop().time() + _EARLY
        while self._late and self._late[0][0] <= now and not self._reception.shop.conduct.cut_off:
            _, action, argument = self._late.popleft()
            action(argument)
        if self._late is not None and not self._late:
            self._late = None


class Reception:
    """The way to a shop: its sockets, and every connection."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.make = speaker(shop.spec.speaks)
        self.tls: SSLContext | None = None
        self.lines: set[Line] = set()
        self.slow = False
        """Whether something that arrives may have to wait."""
        self.loss = 0.0
        self.filtered = False
        """Whether sockets may carry a filter: one was set, once."""
        self.servers: list[asyncio.Server] = []
        """Kept: one that nobody holds is closed when the garbage is collected."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen. Raises :class:`OSError` if the address is taken, or does not come to be ours."""
        spec = self.shop.spec
        loop = asyncio.get_running_loop()
        listener = await _listening(spec.host, spec.port)
        if spec.certificate:
            self.tls = _tls_context(spec.certificate, spec.speaks)
            self._spawn(self._accept(listener, self.tls))
        elif spec.host.startswith(UNIX):
            self.servers.append(await loop.create_unix_server(lambda: Line(self), sock=listener))
        else:
            self.servers.append(await loop.create_server(lambda: Line(self), sock=listener, backlog=_BACKLOG))

    def latency(self) -> float:
        """Seconds that what arrives now waits."""
        conduct = self.shop.conduct
        if not conduct.jitter_ms:
            return conduct.latency_ms / 1000.0
        import random  # seldom needed, and slow to load

        return max(0.0, conduct.latency_ms + conduct.jitter_ms * random.uniform(-1, 1)) / 1000.0

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket, context: SSLContext) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError:  # the visitor is gone already, or there are too many
                await asyncio.sleep(_EARLY)
            else:
                self._spawn(self._greet(connection, context))

    async def _greet(self, connection: socket.socket, context: SSLContext) -> None:
        """A PROXY header comes in the clear, before TLS: take it from the socket, and no byte more."""
        loop = asyncio.get_running_loop()
        connection.setblocking(False)
        try:
            async with asyncio.timeout(_HANDSHAKE_SECONDS):
                if await _first_bytes(connection) == _OLD_HELLO:
                    connection.send(_ALERT)
                    connection.close()
                    return
                await loop.connect_accepted_socket(
                    lambda: Line(self), connection, ssl=context, ssl_handshake_timeout=_HANDSHAKE_SECONDS
                )
        except (OSError, TimeoutError):  # a visitor who did not want TLS, or went away; ssl.SSLError is an OSError
            connection.close()


async def _first_bytes(connection: socket.socket) -> bytes:
    """Drop a PROXY header, and wait for what follows: its first bytes, which stay there; empty if nothing comes."""
    while True:
        await _readable(connection)
        data = connection.recv(_PEEKED, socket.MSG_PEEK)
        length = header_length(data) if data else 0
        if 0 < length <= len(data):
            connection.recv(length)
        elif not data or (length == 0 and len(data) >= len(_OLD_HELLO)):
            return data[: len(_OLD_HELLO)]
        else:
            await asyncio.sleep(_EARLY)  # peeked at, it stays readable, though the rest is not there yet


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection.fileno())


async def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens at an IPv4 or IPv6 address, or at ``unix:/path``."""
    if host.startswith(UNIX):
        listener = socket.socket(socket.AF_UNIX)
        folder, name = os.path.split(host.removeprefix(UNIX))
        os.makedirs(folder, exist_ok=True)
        os.chdir(folder)  # a socket's path may have 107 bytes, and ours begins with the balancer's root
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        listener.bind(name)
        os.chmod(name, 0o777)
    else:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        await _bind(listener, host, port)
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


async def _bind(listener: socket.socket, host: str, port: int) -> None:
    """Take an address. A container may be told of its own a moment later than those that share its network."""
    loop = asyncio.get_running_loop()
    patience = loop.time() + _ADDRESS_SECONDS
    while True:
        try:
            return listener.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL or loop.time() >= patience:
                listener.close()
                raise
        await asyncio.sleep(_LOOK_AGAIN)


def _tls_context(pem: str, speaks: str) -> SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"] if speaks in ("h2c", "grpc") else ["http/1.1"])
    file = os.memfd_create("certificate")
    try:
        os.write(file, pem.encode())
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
    return context
