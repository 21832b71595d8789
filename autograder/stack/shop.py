"""The small shop that every server runs: finite capacity, a queue, and a real crash when it is overloaded.

It runs on the node with nothing but the standard library: ``serve(spec)`` never returns. A request takes one of
``workers`` for ``service_ms`` if it is a checkout, else for ``page_ms``; while all are busy it waits. When more than
``queue`` requests wait, the process ends the way the kernel's out-of-memory killer ends it (exit code 137), and
everything it held is lost.

Each answer carries ``X-Served-By`` and a receipt, and is written to the server's journal before it is sent. So a
request counts for a server only if its nonce *and* the receipt that the client got are in that server's journal:
a balancer that mirrors requests or invents answers cannot forge it.
"""

from __future__ import annotations

import asyncio
import collections
import json
import os
import secrets
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from autograder.stack.engine import JOURNAL

if TYPE_CHECKING:
    from autograder.stack.model import Server

NONCE_HEADER = "x-request-nonce"
RECEIPT_HEADER = "x-receipt"
CHECKOUT = "/checkout"
STATUS_PATH = "/-/status"
KILLED = 137
_MAX_HEAD = 64 * 1024


@dataclass(frozen=True)
class ShopSpec:
    """What one shop process is told: its server's numbers and the address to listen on."""

    name: str
    host: str
    port: int
    workers: int
    service_ms: float
    page_ms: float
    queue: int
    journal: str = JOURNAL

    @classmethod
    def of(cls, server: Server, host: str) -> ShopSpec:
        """The spec for ``server`` at address ``host``."""
        return cls(server.name, host, server.port, server.workers, server.service_ms, server.page_ms, server.queue)


class Shop:
    """The state of one running shop: workers, queue, counters, journal."""

    def __init__(self, spec: ShopSpec) -> None:
        self.spec = spec
        self.busy = 0
        self.waiting: collections.deque[_Connection] = collections.deque()
        self.served = 0
        self.peak = 0
        os.makedirs(spec.journal, exist_ok=True)
        # One write() per answer, appended by the kernel: complete up to the last answer whenever the process dies.
        self._journal = os.open(f"{spec.journal}/{spec.name}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._receipts = secrets.token_hex(4)

    def arrive(self, connection: _Connection) -> None:
        """A whole request is there: serve it now, let it wait, or die of it."""
        if self.busy < self.spec.workers:
            self._begin(connection)
            return
        self.waiting.append(connection)
        held = len(self.waiting)
        self.peak = max(self.peak, held)
        if held > self.spec.queue:
            sys.stderr.write(
                f"{self.spec.name}: out of memory: {held} requests waiting, room for {self.spec.queue}; killed\n"
            )
            sys.stderr.flush()
            os._exit(KILLED)

    def _begin(self, connection: _Connection) -> None:
        self.busy += 1
        takes_ms = self.spec.service_ms if connection.checkout else self.spec.page_ms
        asyncio.get_running_loop().call_later(takes_ms / 1000.0, self._finish, connection)

    def _finish(self, connection: _Connection) -> None:
        self.busy -= 1
        self.served += 1
        receipt = f"{self._receipts}{self.served:x}"
        os.write(self._journal, f"{connection.nonce} {receipt}\n".encode())
        connection.answer(receipt)
        # A client that gave up still costs its place in the queue, as it does in a real server.
        if self.waiting:
            self._begin(self.waiting.popleft())

    def status(self) -> dict[str, Any]:
        """Load now: busy workers, waiting requests, the longest queue so far, requests answered by this process."""
        return {
            "name": self.spec.name,
            "busy": self.busy,
            "waiting": len(self.waiting),
            "peak_waiting": self.peak,
            "served": self.served,
            "workers": self.spec.workers,
            "queue": self.spec.queue,
        }


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection: requests one after another, bodies read and dropped."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.nonce = "-"
        self.checkout = False
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._body_left = 0
        self._working = False
        self._close = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None

    def data_received(self, data: bytes) -> None:
        if self._body_left:
            taken = min(self._body_left, len(data))
            self._body_left -= taken
            data = data[taken:]
        self._buffer += data
        if not self._working:
            self._next_request()

    def _next_request(self) -> None:
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            if len(self._buffer) > _MAX_HEAD and self._transport:
                self._transport.abort()
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        length = headers.get("content-length", "0")
        self._body_left = max(0, (int(length) if length.isdigit() else 0) - len(rest))
        self._buffer = rest[int(length) if length.isdigit() else 0 :]
        connection = headers.get("connection", "").lower()
        self._close = connection == "close" or (lines[0].endswith("HTTP/1.0") and connection != "keep-alive")
        path = lines[0].split(" ")[1] if lines[0].count(" ") >= 2 else "/"
        if path == STATUS_PATH:
            self._send(json.dumps(self.shop.status()).encode(), "")
            return
        self._working = True
        self.checkout = path.startswith(CHECKOUT)
        nonce = headers.get(NONCE_HEADER, "-")
        self.nonce = nonce if nonce.isascii() and nonce.replace("-", "").isalnum() else "-"
        self.shop.arrive(self)

    def answer(self, receipt: str) -> None:
        """Send the page for the request in hand, if the client is still there, and go on with the next."""
        self._working = False
        name = self.shop.spec.name
        self._send(f"Welcome to the shop. You were served by {name}.\n".encode(), receipt)
        if self._buffer:
            self._next_request()

    def _send(self, body: bytes, receipt: str) -> None:
        if self._transport is None:
            return
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\nX-Served-By: {self.shop.spec.name}\r\nX-Receipt: {receipt}\r\n"
            f"Connection: {'close' if self._close else 'keep-alive'}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        if self._close:
            self._transport.close()


async def serve(spec: ShopSpec, listening: int | None = None) -> None:
    """Listen and answer until killed; ``listening`` is a file descriptor told when connections are accepted."""
    shop = Shop(spec)
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(shop), spec.host, spec.port, backlog=4096, reuse_address=True
    )
    if listening is not None:
        os.write(listening, b"1")
        os.close(listening)
    async with server:
        await server.serve_forever()
