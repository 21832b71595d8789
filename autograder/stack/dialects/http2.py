"""HTTP/2 from its first byte (h2c), and gRPC on top of it. The frames are the library h2's business.

A gRPC answer is one empty message and the trailer ``grpc-status``: 0, or 13 (INTERNAL) where HTTP would say 500
(github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error

from autograder.stack.dialects.dialect import is_checkout, nonce_of
from autograder.stack.dialects.stream import GarbledError, Stream

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from autograder.stack.dialects.dialect import Counting
    from autograder.stack.shop import Shop

_BEGINNING = b"PRI"
"""Of the preface (RFC 9113 3.4); no method of HTTP/1.1 begins like this."""
_EMPTY_MESSAGE = bytes(5)
"""Not compressed, no bytes: what any message type reads as its default."""
_OK, _INTERNAL = b"0", b"13"
_Headers = list[tuple[bytes, bytes]]


class _Request:
    """One stream, from its header to its answer."""

    def __init__(self, connection: Http2, number: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        fields = dict(headers)
        self.nonce = nonce_of(fields.get(b"x-request-nonce", b""))
        self.checkout = is_checkout(fields.get(b":path", b""))
        self.head_only = fields.get(b":method") == b"HEAD"
        self._connection = connection
        self._number = number

    def answer(self, receipt: str, status: int) -> None:
        """See :class:`autograder.stack.dialects.dialect.Asked`."""
        self._connection.answer(self._number, receipt, status)

    def hang_up(self) -> None:
        """See :class:`autograder.stack.dialects.dialect.Asked`; others in work on this connection are lost with it."""
        self._connection.close()


class Http2(Stream):
    """What HAProxy's ``proto h2`` and a browser's HTTP/2 speak, without TLS or inside it."""

    content_type = b"text/plain"

    def __init__(self, shop: Counting) -> None:
        super().__init__(shop)
        # Health checks of balancers come without the name of a host, which the library would take for an error.
        self._frames = H2Connection(
            H2Configuration(client_side=False, header_encoding=None, validate_inbound_headers=False)
        )
        self._requests: dict[int, _Request] = {}
        self._unsent: dict[int, tuple[bytes, _Headers]] = {}
        """Body and trailers by stream that the other side's window has no room for yet."""
        self._first: bytes | None = b""
        """What came before it was clear which HTTP this is; None once it is HTTP/2."""
        self._older: asyncio.Protocol | None = None

    def data_received(self, data: bytes) -> None:
        """See :class:`Stream`. A balancer that speaks HTTP/2 may look with HTTP/1.1 whether a server is there."""
        if self._older is not None:
            self._older.data_received(data)
        elif self._first is None or (first := self._first + data).startswith(_BEGINNING):
            super().data_received(data if self._first is None else first)
        elif _BEGINNING.startswith(first):
            self._first = first
        elif self._transport is not None:
            from autograder.stack.dialects.http1 import SPEAKERS as OLDER

            self._older = OLDER["http"](cast("Shop", self.shop))
            self._older.connection_made(self._transport)
            self._older.data_received(first)

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`Stream`."""
        super().connection_lost(exc)
        if self._older is not None:
            self._older.connection_lost(exc)

    def read(self, data: bytes) -> None:
        """See :class:`Stream`."""
        if self._first is not None:
            self._first = None
            self._frames.initiate_connection()
        try:
            for event in self._frames.receive_data(data):
                self._take(event)
            self._send_what_fits()
        except (H2Error, ValueError, KeyError, IndexError, TypeError) as error:
            # Not all that h2 and hpack raise on garbage is an H2Error. Tell the other side what h2 has to say.
            self._flush()
            raise GarbledError(str(error)) from error
        self._flush()

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            number = event.stream_id or 0
            self._requests[number] = _Request(self, number, _plain(event.headers or ()))
        elif isinstance(event, DataReceived):
            self._frames.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
        elif isinstance(event, StreamEnded) and event.stream_id in self._requests:
            self.shop.arrive(self._requests[event.stream_id])
        elif isinstance(event, StreamReset):
            self._requests.pop(event.stream_id or 0, None)
            self._unsent.pop(event.stream_id or 0, None)

    def answer(self, number: int, receipt: str, status: int) -> None:
        """Answer one stream, unless it was given up."""
        request = self._requests.pop(number, None)
        if request is None or not self.open:
            return
        status, body, trailers = self.page_of(status)
        head = [
            (b":status", str(status).encode()),
            (b"content-type", self.content_type),
            (b"x-served-by", self.shop.name.encode()),
            (b"x-receipt", receipt.encode()),
        ]
        if request.head_only:
            body = b""
        try:
            if body:
                self._frames.send_headers(number, head)
                self._unsent[number] = (body, trailers)
                self._send_what_fits()
            else:
                self._frames.send_headers(number, head + trailers, end_stream=True)
        except H2Error:
            self._unsent.pop(number, None)  # the other side ended the stream, or everything, meanwhile
        self._flush()

    def page_of(self, status: int) -> tuple[int, bytes, _Headers]:
        """Status, body and trailers of an answer. Without a body the trailers go with the header."""
        return status, self.shop.page(), []

    def _send_what_fits(self) -> None:
        frames = self._frames
        for number, (body, trailers) in list(self._unsent.items()):
            while (
                room := min(frames.local_flow_control_window(number), frames.max_outbound_frame_size, len(body))
            ) > 0:
                last = room == len(body) and not trailers
                frames.send_data(number, body[:room], end_stream=last)
                body = body[room:]
            self._unsent[number] = (body, trailers)
            if not body:
                del self._unsent[number]
                if trailers:
                    frames.send_headers(number, trailers, end_stream=True)

    def _flush(self) -> None:
        if data := self._frames.data_to_send():
            self.send(data)


class Grpc(Http2):
    """Any method of any service, answered with an empty message."""

    content_type = b"application/grpc"

    def page_of(self, status: int) -> tuple[int, bytes, _Headers]:
        """See :class:`Http2`."""
        if status == 200:
            return 200, _EMPTY_MESSAGE, [(b"grpc-status", _OK)]
        return 200, b"", [(b"grpc-status", _INTERNAL), (b"grpc-message", f"answered {status}".encode())]


def _plain(headers: Iterable[tuple[bytes | str, bytes | str]]) -> Iterable[tuple[bytes, bytes]]:
    """Header fields as bytes, whatever h2 types them as."""
    for name, value in headers:
        yield (
            name if isinstance(name, bytes) else name.encode(),
            value if isinstance(value, bytes) else value.encode(),
        )


SPEAKERS: dict[str, Callable[[Counting], Stream]] = {
    "h2c": Http2,
    "grpc": Grpc,
}
