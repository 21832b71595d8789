"""Read answers in HTTP/1.1, as they arrive (RFC 9112). Runs on the clients node; standard library only."""

from __future__ import annotations

import re

HEAD_LIMIT = 64 * 1024
"""An answer's head, or one line between its chunks, may not be longer (bytes)."""

_VERSIONS = (b"HTTP/1.1 ", b"HTTP/1.0 ")
_FIELDS = re.compile(
    rb"\r\n(content-length|transfer-encoding|connection|x-receipt|set-cookie):[ \t]*([^\r\n]*)", re.IGNORECASE
)
_HEX = frozenset(b"0123456789abcdefABCDEF")
_WITHOUT_BODY = (204, 304)


class UnreadableError(ValueError):
    """What arrived is no answer in the protocol that was asked for."""


# Where in an answer the next byte belongs. Plain numbers: an enum's names cost more than what is done with them.
_AT_HEAD, _IN_BODY, _UNTIL_CLOSE, _AT_SIZE, _IN_CHUNK, _AT_CHUNK_END, _IN_TRAILERS, _DONE = range(8)


class Answer:
    """One answer: feed it what arrives until it is whole. Bodies are counted, not kept.

    ``status``, ``receipt`` and ``cookies`` (the values of all ``Set-Cookie`` fields) are known once the head is;
    ``keep`` tells whether the connection can be used again.
    """

    __slots__ = ("_buffer", "_left", "_part", "cookies", "keep", "receipt", "status")

    def __init__(self) -> None:
        self.status = 0
        self.receipt = ""
        self.keep = False
        self.cookies: tuple[str, ...] = ()
        self._buffer = b""
        self._left = 0
        self._part = _AT_HEAD

    def feed(self, data: bytes) -> bool:
        """Take what arrived; True when the answer is whole. Raises :class:`UnreadableError` if it is none.

        Bytes beyond the end of the answer are dropped, and the connection is then not to be used again.
        """
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        if self._part != _AT_HEAD:
            return self._body(data)
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0 or end > HEAD_LIMIT:
                if len(data) > HEAD_LIMIT or not _may_begin(data):
                    raise UnreadableError("no head of an answer")
                self._buffer = data
                return False
            self._read_head(data, end + 2)
            if self._part == _IN_BODY and self._left == len(data) - end - 4:
                self._part = _DONE  # the usual case: all of it came at once
                return True
            data = data[end + 4 :]
            if self._part != _AT_HEAD:
                return self._body(data)
            # It was a 1xx: the answer proper follows.

    def end(self) -> bool:
        """The other side has closed: True if that makes the answer whole."""
        return self._part in (_UNTIL_CLOSE, _DONE)

    def _read_head(self, data: bytes, end: int) -> None:
        version, digits = data[:9], data[9:12]
        if version not in _VERSIONS or not digits.isdigit() or data[12] not in b" \r":
            raise UnreadableError(f"no status line: {data[:40]!r}")
        status = int(digits)
        if status < 200:
            if status == 101 or status < 100:
                raise UnreadableError(f"status {status}")
            return
        self.status = status
        self.keep = version == _VERSIONS[0]
        self._part = _UNTIL_CLOSE
        for name, value in _FIELDS.findall(data, 12, end):
            first = name[0] | 0x20
            if first == 0x78:  # X-Receipt
                self.receipt = value.rstrip().decode("latin-1")
            elif first == 0x73:  # Set-Cookie
                self.cookies += (value.decode("latin-1").rstrip(),)
            elif first == 0x74:  # Transfer-Encoding
                if value.lower().rstrip() != b"chunked":
                    raise UnreadableError("a transfer coding that nobody asked for")
                self._part = _AT_SIZE
            elif len(name) == 10:  # Connection
                options = value.lower()
                self.keep = b"close" not in options and (self.keep or b"keep-alive" in options)
            elif self._part != _AT_SIZE:  # Content-Length, which yields to a transfer coding
                digits = value.rstrip()
                if not digits.isdigit() or len(digits) > 18 or self._part == _IN_BODY:
                    raise UnreadableError("no length that can be trusted")
                self._left, self._part = int(digits), _IN_BODY
        if status in _WITHOUT_BODY:
            self._left, self._part = 0, _IN_BODY
        elif self._part == _UNTIL_CLOSE:
            self.keep = False

    def _body(self, data: bytes) -> bool:
        if self._part == _IN_BODY:
            left = self._left - len(data)
            if left > 0:
                self._left = left
                return False
            return self._done(over=left < 0)
        if self._part == _UNTIL_CLOSE:
            return False
        return self._chunks(data)

    def _chunks(self, data: bytes) -> bool:
        at = 0
        while True:
            if self._part == _IN_CHUNK:
                taken = min(self._left, len(data) - at)
                at, self._left = at + taken, self._left - taken
                if self._left:
                    return False
                self._part = _AT_CHUNK_END
            end = data.find(b"\r\n", at)
            if end < 0:
                self._buffer = data[at:]
                if len(self._buffer) > HEAD_LIMIT or (self._part == _AT_CHUNK_END and len(self._buffer) > 1):
                    raise UnreadableError("a chunk that does not end")
                return False
            line, at = data[at:end], end + 2
            if self._part == _AT_CHUNK_END:
                if line:
                    raise UnreadableError("a chunk longer than it said")
                self._part = _AT_SIZE
            elif self._part == _AT_SIZE:
                size = line.partition(b";")[0].strip()
                if not size or len(size) > 16 or not _HEX.issuperset(size):
                    raise UnreadableError(f"no size of a chunk: {line[:40]!r}")
                self._left = int(size, 16)
                self._part = _IN_CHUNK if self._left else _IN_TRAILERS
            elif not line:
                return self._done(over=at < len(data))

    def _done(self, *, over: bool) -> bool:
        self._part = _DONE
        if over:
            self.keep = False
        return True


def _may_begin(data: bytes) -> bool:
    return data.startswith(b"HTTP/1.") if len(data) >= 7 else b"HTTP/1.".startswith(data)
