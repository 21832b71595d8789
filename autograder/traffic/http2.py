"""Requests over one HTTP/2 connection, many at a time (RFC 9113, by the library h2). Runs on the clients node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from autograder.traffic.connection import RESET, Connection
from autograder.traffic.http1 import UnreadableError

if TYPE_CHECKING:
    from autograder.traffic.connection import Owner

_FRAME_HEAD = 9
_FRAME_LIMIT = 16_384
_GOAWAY = 7
_AT_FIRST = 100
"""Requests at a time until the balancer has said how many it takes; both balancers take at least as many."""


class _Asked:
    """One request on the way; ``status`` is 0 until the head of its answer is there."""

    __slots__ = ("cookies", "number", "receipt", "status")

    def __init__(self, number: int) -> None:
        self.number = number
        self.status = 0
        self.receipt = ""
        self.cookies: list[str] = []


class Http2(Connection):
    """A connection on which requests do not wait for one another."""

    __slots__ = ("_asked", "_buffer", "_leaving", "_session", "_used")

    def __init__(self, owner: Owner, client: int) -> None:
        super().__init__(owner, client)
        self._session = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._session.initiate_connection()
        self._asked: dict[int, _Asked] = {}
        self._buffer = b""
        self._leaving = False
        self._used = False

    @property
    def room(self) -> bool:
        """See :class:`Connection`."""
        most = min(_AT_FIRST, self._session.remote_settings.max_concurrent_streams)
        return self.open and not self._leaving and len(self._asked) < most

    def ask(self, number: int) -> None:
        """See :class:`Connection`."""
        stream = self._session.get_next_available_stream_id()
        self._asked[stream] = _Asked(number)
        self._session.send_headers(stream, self.owner.job.headers(number), end_stream=True)
        self.write(self._session.data_to_send())

    def abandon(self, number: int) -> None:
        """See :class:`Connection`: only this request ends."""
        for stream, asked in self._asked.items():
            if asked.number == number:
                del self._asked[stream]
                self._session.reset_stream(stream, ErrorCodes.CANCEL)
                self.write(self._session.data_to_send())
                break
        self._close_if_done()

    def heard(self, data: bytes) -> None:
        """See :class:`Connection`."""
        self._buffer += data
        while len(self._buffer) >= _FRAME_HEAD:
            length = int.from_bytes(self._buffer[:3], "big")
            if length > _FRAME_LIMIT:
                raise UnreadableError("no frame of HTTP/2")
            end = _FRAME_HEAD + length
            if len(self._buffer) < end:
                break
            frame, self._buffer = self._buffer[:end], self._buffer[end:]
            if frame[3] == _GOAWAY:
                # h2 takes this for the end of the connection; it only is the end of new requests.
                self._leave(int.from_bytes(frame[9:13], "big") & 0x7FFFFFFF)
            else:
                self._heed(frame)
            if not self.open:
                return
        if leaving := self._session.data_to_send():
            self.write(leaving)
        self._close_if_done()

    def ended(self, failure: str) -> None:
        """See :class:`Connection`."""
        asked, self._asked = self._asked, {}
        for one in asked.values():
            self.owner.lost(one.number, failure, again=self._used and not one.status)

    def _heed(self, frame: bytes) -> None:
        try:
            events = self._session.receive_data(frame)
        except (ProtocolError, ValueError) as error:
            raise UnreadableError(str(error)) from error
        for event in events:
            stream = getattr(event, "stream_id", None)
            if isinstance(event, DataReceived):
                self._session.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            asked = self._asked.get(stream) if stream is not None else None
            if asked is None:
                continue
            if isinstance(event, ResponseReceived):
                self._read_head(asked, event)
            elif isinstance(event, StreamEnded):
                del self._asked[event.stream_id]
                self._used = True
                self.owner.job.heed(asked.number, asked.cookies)
                self.owner.answered(asked.number, asked.status, asked.receipt)
            elif isinstance(event, StreamReset):
                del self._asked[event.stream_id]
                self.owner.lost(asked.number, RESET, again=event.error_code == ErrorCodes.REFUSED_STREAM)

    def _read_head(self, asked: _Asked, event: ResponseReceived) -> None:
        for name, value in event.headers or []:
            text = bytes(value).decode("latin-1")
            match bytes(name):
                case b":status":
                    if not (len(text) == 3 and text.isdecimal()):
                        raise UnreadableError(f"status {text!r}")
                    asked.status = int(text)
                case b"x-receipt":
                    asked.receipt = text
                case b"set-cookie":
                    asked.cookies.append(text)

    def _leave(self, last: int) -> None:
        """No new requests here; those that the other side has not looked at are asked elsewhere."""
        self._leaving = True
        self.owner.retired(self)
        for stream in [stream for stream in self._asked if stream > last]:
            self.owner.lost(self._asked.pop(stream).number, RESET, again=True)

    def _close_if_done(self) -> None:
        if not self._asked and (self._leaving or not self.owner.job.keep[self.client]):
            self.close()
