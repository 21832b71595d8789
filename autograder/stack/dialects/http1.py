"""HTTP/1.0 and 1.1: what most servers speak.

This is the hot path of every measurement. A head is searched, not split; an answer is one write.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, cast

from autograder.stack.shop import KNOWN, NEW, STALE

if TYPE_CHECKING:
    from autograder.stack.shop import Shop

STREAM_CHUNKS = 5
STREAM_PAUSE_S = 0.02
COOKIE = "shop_session"
COOKIE_SECONDS = 3600
COOKIE_AHEAD_SECONDS = 60

_MAX_HEAD = 64 * 1024
_REASONS = {200: b"200 OK", 400: b"400 Bad Request", 401: b"401 Unauthorized", 500: b"500 Internal Server Error"}
_ANSWER = (
    b"HTTP/1.1 %b\r\nDate: %b\r\nContent-Type: text/plain\r\nX-Served-By: %b\r\nX-Receipt: %b\r\n%b%b"
    b"Connection: %b\r\n\r\n%b"
)
_SET_COOKIE = b"Set-Cookie: %b=%%d.%%b; Max-Age=%d; Path=/; HttpOnly\r\n" % (COOKIE.encode(), COOKIE_SECONDS)
_CHUNKED = -1

_HEADERS = re.compile(
    rb"\r\n(x-request-nonce|cookie|connection|transfer-encoding|content-length):[ \t]*([^\r]*)", re.IGNORECASE
)
_NONCE, _COOKIE, _CONNECTION, _ENCODING, _LENGTH = (
    len(name) for name in ("x-request-nonce", "cookie", "connection", "transfer-encoding", "content-length")
)


class HTTP1(asyncio.Protocol):
    """One connection: requests one after another; bodies, plain or chunked, are read and dropped.

    ``session`` tells whether the request in hand came with one that is valid by this server's own clock.
    """

    __slots__ = (
        *(
            "nonce",
            "checkout",
            "session",
            "_shop",
            "_transport",
            "_buffer",
            "_body",
            "_chunk",
            "_working",
            "_close",
            "_asked",
        ),
        *("_old", "_bare", "_path"),
    )

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._body = 0
        self._chunk = 0
        self._working = False
        self._asked = self._close = self._old = self._bare = False
        self._path = b"/"
        self.nonce = "-"
        self.checkout = False
        self.session = NEW

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the connection; a request in work goes on, as it does in a real server."""
        self._transport = None
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer = self._buffer + data if self._buffer else data
        if not self._working:
            self._go_on()
        elif len(self._buffer) > _MAX_HEAD and self._transport is not None:
            self._transport.pause_reading()

    def _go_on(self) -> None:
        """Work through the buffer until it holds no whole request, or one is in work."""
        try:
            while self._buffer and not self._working and self._transport is not None:
                if not self._asked and not self._read_head():
                    return
                self._asked = True
                if self._body and not self._drop_body():
                    return
                self._asked = False
                self._take()
        except ValueError:
            self._close = True
            self._send(400, b"", b"", b"unreadable\n")
            self._transport = None  # nothing that still comes can be understood

    def _read_head(self) -> bool:
        """Read one head off the buffer, if a whole one is there. Raises :class:`ValueError` if it is nonsense."""
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > _MAX_HEAD:
                raise ValueError("the head is too long")
            return False
        self._buffer = buffer[end + 4 :]
        method, self._path, version = buffer[: buffer.find(b"\r\n")].split(b" ")
        self._bare = method == b"HEAD"
        self._old = version == b"HTTP/1.0"
        self._close = self._old
        self.nonce = "-"
        self.session = NEW
        for name, value in _HEADERS.findall(buffer, 0, end + 2):
            self._header(len(name), value)
        if self._body and b"100-continue" in buffer[:end] and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _header(self, which: int, value: bytes) -> None:
        """Take one header of those that matter: no two of them have names of the same length."""
        if which == _NONCE:
            self.nonce = value.decode() if value.isascii() and value.replace(b"-", b"").isalnum() else "-"
        elif which == _COOKIE:
            self.session = self._session(value)
        elif which == _CONNECTION:
            value = value.strip().lower()
            self._close = value != b"keep-alive" if self._old else value == b"close"
        elif which == _ENCODING:
            if value.strip().lower() == b"chunked":
                self._body = _CHUNKED
        elif which == _LENGTH:
            value = value.strip()
            if not value.isdigit() or len(value) > 18:
                raise ValueError("the length is not a number")
            if self._body != _CHUNKED:
                self._body = int(value)

    def _session(self, cookie: bytes) -> int:
        """Is this the cookie of a session of ours, and is it valid by our own clock?"""
        _, found, rest = cookie.partition(COOKIE.encode() + b"=")
        issued = rest.partition(b";")[0].partition(b".")[0]
        if not found or not issued.isdigit() or len(issued) > 18:
            return NEW
        age = self._shop.now() - int(issued)
        return KNOWN if -COOKIE_AHEAD_SECONDS <= age <= COOKIE_SECONDS else STALE

    def _drop_body(self) -> bool:
        """Drop what is there of the body; true when all of it was."""
        if self._body == _CHUNKED:
            if not self._drop_chunks():
                return False
            self._body = 0
            return True
        taken = min(self._body, len(self._buffer))
        self._body -= taken
        self._buffer = self._buffer[taken:]
        return not self._body

    def _drop_chunks(self) -> bool:
        while True:
            taken = min(self._chunk, len(self._buffer))
            self._chunk -= taken
            buffer = self._buffer = self._buffer[taken:]
            end = buffer.find(b"\r\n")
            if self._chunk or end < 0:
                if not self._chunk and len(buffer) > _MAX_HEAD:
                    raise ValueError("no end of a chunk's size")
                return False
            size = int(buffer[:end].partition(b";")[0], 16)
            if size < 0:
                raise ValueError("a chunk of less than nothing")
            if size == 0:  # trailers, if any, end as a head does
                last = buffer.find(b"\r\n\r\n", end)
                if last < 0 and len(buffer) > _MAX_HEAD:
                    raise ValueError("no end of the trailers")
                self._buffer = buffer[last + 4 :] if last >= 0 else buffer
                return last >= 0
            self._buffer = buffer[end + 2 :]
            self._chunk = size + 2

    def _take(self) -> None:
        """A whole request is there."""
        path = self._path
        if path.startswith(b"/-/") and (found := self._shop.about(path.decode("latin-1"))) is not None:
            status, text = found
            self._send(status, b"", b"", text)
            return
        self._working = True
        self.checkout = path.startswith(b"/checkout")
        self._shop.arrive(self)

    def answer(self, receipt: str, status: int) -> None:
        """Send the page for the request in hand, if the client is still there, and go on with the next."""
        shop = self._shop
        cookie = b""
        if self.session != KNOWN and status != 500:
            # The receipt is as random as a session's name need be, and it is at hand.
            cookie = _SET_COOKIE % (shop.now(), receipt.encode())
        if status == 200 and self._path.startswith(b"/stream"):
            self._stream(receipt.encode(), cookie)
            return
        self._send(status, receipt.encode(), cookie, shop.page() if status == 200 else b"%d\n" % status)
        self._done()

    def hang_up(self) -> None:
        """Close the connection instead of answering the request in hand."""
        if self._transport is not None:
            self._transport.close()

    def _done(self) -> None:
        self._working = False
        if self._buffer and self._transport is not None:
            if len(self._buffer) > _MAX_HEAD:
                self._transport.resume_reading()
            # From the loop, not from here: a page that takes no time is answered while the buffer is worked through.
            asyncio.get_running_loop().call_soon(self._again)

    def _again(self) -> None:
        if not self._working:
            self._go_on()

    def _send(self, status: int, receipt: bytes, cookie: bytes, body: bytes) -> None:
        self._write(status, receipt, cookie, b"Content-Length: %d\r\n" % len(body), b"" if self._bare else body)
        if self._close and self._transport is not None:
            self._transport.close()

    def _write(self, status: int, receipt: bytes, cookie: bytes, framing: bytes, body: bytes) -> None:
        if self._transport is not None:
            shop = self._shop
            then = b"close" if self._close else b"keep-alive"
            head = (_REASONS[status], shop.date(), shop.name_bytes, receipt, cookie, framing, then)
            self._transport.write(_ANSWER % (*head, body))

    def _stream(self, receipt: bytes, cookie: bytes) -> None:
        """Send the page in pieces with pauses between them; for HTTP/1.0, which has no chunks, until the end."""
        self._close = self._close or self._old
        self._write(200, receipt, cookie, b"" if self._old else b"Transfer-Encoding: chunked\r\n", b"")
        if self._bare:
            self._end_stream()
        else:
            self._piece(1)

    def _piece(self, number: int) -> None:
        if self._transport is None:
            self._working = False
            return
        text = b"%d of %d from %b\n" % (number, STREAM_CHUNKS, self._shop.name_bytes)
        last = number == STREAM_CHUNKS
        piece = text if self._old else b"%x\r\n%b\r\n%b" % (len(text), text, b"0\r\n\r\n" if last else b"")
        self._transport.write(piece)
        if last:
            self._end_stream()
        else:
            asyncio.get_running_loop().call_later(STREAM_PAUSE_S, self._shop.unless_cut_off, self._piece, number + 1)

    def _end_stream(self) -> None:
        if self._close and self._transport is not None:
            self._transport.close()
        self._done()


SPEAKERS = {"http": HTTP1}
