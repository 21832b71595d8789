"""One run of traffic as the clients node knows it: the door, the clients, what each request looks like on the wire.

Runs on the clients node; standard library only. What can be made before the first request is, because on two cores
the generator competes with what it measures.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import TYPE_CHECKING, Any

from autograder.traffic.cookies import Jar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ssl import SSLContext

_LINE = "\r\n"
_BIND_ADDRESS_NO_PORT = 24
"""``IP_BIND_ADDRESS_NO_PORT`` of linux/in.h, which Python does not name: the port is chosen when connecting, when the
other end is known, so one address can have as many connections as the balancer has ports free."""

_OUR_OWN = (errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EACCES)
"""Errors in connecting that are the clients node's fault."""


class Job:
    """Everything that stays the same during a run; made from the payload of :func:`autograder.traffic.send.send`."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self.run: str = payload["run"]
        self.requests: list[list[Any]] = payload["requests"]
        self.timeout: float = payload["timeout"]
        self.door: dict[str, Any] = payload["door"]
        self.protocol: str = self.door["protocol"]
        self.jars: dict[int, Jar] = {}
        self.address: list[str] = []
        self.keep: list[bool] = []
        self._agents: list[tuple[str, str, str]] = []
        self._middles: list[bytes] = []
        for number, (address, keep_alive, agent, forwarded_for, keeps_cookies, host) in enumerate(payload["clients"]):
            self.address.append(address)
            self.keep.append(keep_alive)
            self._agents.append((agent, forwarded_for, host))
            self._middles.append(
                (
                    f" HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n"
                    f"{f'X-Forwarded-For: {forwarded_for}{_LINE}' if forwarded_for else ''}"
                    f"Connection: {'keep-alive' if keep_alive else 'close'}\r\nX-Request-Nonce: {self.run}-"
                ).encode()
            )
            if keeps_cookies and self.protocol != "tcp":
                self.jars[number] = Jar(host, secure=self.door["tls"], rows=payload["jars"].get(str(number)))
        self._posts = frozenset(payload.get("posts", ()))
        self._asks = [self._ask(number, path) for number, (_, path) in enumerate(self.requests)]
        self._target = (self.door["address"], self.door["port"])
        self._family = socket.AF_INET6 if ":" in self.door["address"] else socket.AF_INET
        self.plain = not self.door["tls"] and not self.door["proxy_protocol"]
        """Whether what is said goes over the socket as it is, and nothing before it."""
        self._tls: SSLContext | None = self._context() if self.door["tls"] else None

    def request(self, number: int) -> bytes:
        """The request in HTTP/1.1; where the door speaks TCP, its nonce and a line feed."""
        if self.protocol == "tcp":
            return f"{self.run}-{number}\n".encode()
        client, path = self.requests[number]
        cookie = self.cookie(client, path) if client in self.jars else ""
        if cookie:
            return b"%b%b%d\r\nCookie: %b\r\n\r\n" % (
                self._asks[number],
                self._middles[client],
                number,
                cookie.encode("latin-1", "replace"),
            )
        return b"%b%b%d\r\n\r\n" % (self._asks[number], self._middles[client], number)

    def _ask(self, number: int, path: str) -> bytes:
        """Method and path, up to where the head goes on."""
        return f"{'POST' if number in self._posts else 'GET'} {path}".encode()

    def headers(self, number: int) -> list[tuple[str, str]]:
        """The request's header fields in HTTP/2."""
        client, path = self.requests[number]
        agent, forwarded_for, host = self._agents[client]
        fields = [
            (":method", "POST" if number in self._posts else "GET"),
            (":scheme", "https" if self.door["tls"] else "http"),
            (":authority", host),
            (":path", path),
            ("user-agent", agent),
            ("x-request-nonce", f"{self.run}-{number}"),
        ]
        if forwarded_for:
            fields.append(("x-forwarded-for", forwarded_for))
        if cookie := self.cookie(client, path):
            fields.append(("cookie", cookie))
        return fields

    def cookie(self, client: int, path: str) -> str:
        """What the client sends back to the server that set it."""
        jar = self.jars.get(client)
        return jar.header(path, time.time()) if jar is not None else ""

    def heed(self, number: int, cookies: Iterable[str]) -> None:
        """Let a client keep the cookies that an answer sets."""
        client, path = self.requests[number]
        jar = self.jars.get(client)
        if jar is not None:
            for header in cookies:
                jar.take(header, path, time.time())

    def connect(self, client: int) -> socket.SocketType:
        """A socket of the client's own address, connected or about to be. Raises ``OSError`` if it is refused at once.

        To an IPv6 door the kernel chooses the address: the clients' own are IPv4.
        """
        made = None
        try:
            made = socket.SocketType(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 0)
            if self._family == socket.AF_INET:
                made.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
                made.bind((self.address[client], 0))
            if self.keep[client]:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = made.connect_ex(self._target)
            if code and code != errno.EINPROGRESS:
                raise OSError(code, os.strerror(code))
        except OSError as error:
            if made is not None:
                made.close()
            if error.errno in _OUR_OWN:  # it must not pass for the balancer's
                raise RuntimeError(f"cannot send from {self.address[client]}: {error.strerror}") from error
            raise
        return made

    def preface(self, client: int, made: socket.SocketType) -> bytes:
        """What goes over a new connection before anything else: the PROXY header, where the door expects it."""
        if not self.door["proxy_protocol"]:
            return b""
        address, port = made.getsockname()[:2]
        source = address if self._family == socket.AF_INET6 else self.address[client]
        family = "TCP6" if self._family == socket.AF_INET6 else "TCP4"
        return f"PROXY {family} {source} {self._target[0]} {port} {self._target[1]}\r\n".encode()

    def tls(self) -> Tls | None:
        """A TLS session for a new connection, where the door speaks TLS."""
        return Tls(self._tls, self.door["host"]) if self._tls is not None else None

    def _context(self) -> SSLContext:
        import ssl  # 10 ms that plain doors need not pay

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # twins carry certificates made on the spot
        context.set_alpn_protocols(["h2"] if self.protocol == "h2" else [] if self.protocol == "tcp" else ["http/1.1"])
        return context


class Tls:
    """One TLS session between what is said and what goes over the socket. Its errors are ``ssl.SSLError``."""

    def __init__(self, context: SSLContext, host: str) -> None:
        import ssl

        self._waiting: tuple[type[Exception], ...] = (ssl.SSLWantReadError, ssl.SSLZeroReturnError)
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        bare = host.rpartition(":")[0] if host.count(":") == 1 else host
        # An address is no server name (RFC 6066), and neither is a pattern as configs have them.
        named = bare.strip("[]").replace(".", "").isalnum() or "-" in bare
        is_name = named and not bare.replace(".", "").isdigit() and not bare.startswith(".") and ":" not in bare
        self._session = context.wrap_bio(self._arrived, self._leaving, server_hostname=bare if is_name else None)
        self._shaken = False
        self._said = b""

    def say(self, data: bytes) -> bytes:
        """Take plain text; returns what is to be sent now. Nothing is lost before the handshake is done."""
        self._said += data
        return self.leaving()

    def hear(self, data: bytes) -> tuple[bytes, bytes]:
        """Take what arrived; returns plain text, and what is to be sent now."""
        self._arrived.write(data)
        leaving = self.leaving()
        heard = b""
        if self._shaken:
            try:
                while part := self._session.read(65536):
                    heard += part
            except self._waiting:
                pass
        return heard, leaving + self._leaving.read()

    def leaving(self) -> bytes:
        """Go on with the handshake or with what was said; returns what is to be sent."""
        try:
            if not self._shaken:
                self._session.do_handshake()
                self._shaken = True
            if self._said:
                self._session.write(self._said)
                self._said = b""
        except self._waiting:
            pass
        return self._leaving.read()
