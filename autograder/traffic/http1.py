"""Read answers in HTTP/1.1, as they arrive (RFC 9112). Runs on the clients node; standard library only."""

from __future__ import annotations

from enum import IntEnum

HEAD_LIMIT = 64 * 1024
"""An answer's head, or one line between its chunks, may not be longer (bytes)."""

_HEX = frozenset(b"0123456789abcdefABCDEF")
_WITHOUT_BODY = (204, 304)


class UnreadableError(ValueError):
    """What arrived is no answer in the protocol that was asked for."""


class _Part(IntEnum):
    HEAD = 0
    BODY = 1
    UNTIL_CLOSE = 2
    CHUNK_SIZE = 3
    CHUNK = 4
    CHUNK_END = 5
    TRAILERS = 6
    DONE = 7


class Answer:
    """One answer: feed it what arrives until it is whole. Bodies are counted, not kept.

    ``status`` and ``receipt`` are known once the head is; ``keep`` tells whether the connection can be used again.
    """

    __slots__ = ("_buffer", "_head", "_left", "_part", "keep", "receipt", "sets_cookies", "status")

    def __init__(self) -> None:
        self.status = 0
        self.receipt = ""
        self.keep = False
        self.sets_cookies = False
        self._head = b""
        self._buffer = b""
        self._left = 0
        self._part = _Part.HEAD

    def feed(self, data: bytes) -> bool:
        """Take what arrived; True when the answer is whole. Raises :class:`UnreadableError` if it is none.

        Bytes beyond the end of the answer are dropped, and the connection is then not to be used again.
        """
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        while self._part == _Part.HEAD:  # again after a 1xx: the answer proper follows
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > HEAD_LIMIT or not _may_begin(data):
                    raise UnreadableError("no head of an answer")
                self._buffer = data
                return False
            self._read_head(data[: end + 2])
            data = data[end + 4 :]
        return self._body(data)

    def end(self) -> bool:
        """The other side has closed: True if that makes the answer whole."""
        return self._part in (_Part.UNTIL_CLOSE, _Part.DONE)

    def cookies(self) -> list[str]:
        """The values of all ``Set-Cookie`` headers."""
        found = []
        lower = self._head.lower()
        at = lower.find(b"\r\nset-cookie:")
        while at >= 0:
            end = lower.find(b"\r\n", at + 2)
            found.append(self._head[at + 13 : end].strip().decode("latin-1"))
            at = lower.find(b"\r\nset-cookie:", end)
        return found

    def _read_head(self, head: bytes) -> None:
        version, digits = head[:9], head[9:12]
        if version not in (b"HTTP/1.1 ", b"HTTP/1.0 ") or not digits.isdigit() or head[12:13] not in (b" ", b"\r"):
            raise UnreadableError(f"no status line: {head[:40]!r}")
        status = int(digits)
        if len(head) > HEAD_LIMIT or status < 100:
            raise UnreadableError("no head of an answer")
        if status < 200:
            if status == 101:
                raise UnreadableError("switched to another protocol")
            return
        lower = head.lower()
        self.status, self._head = status, head
        self.receipt = _value(lower, b"\r\nx-receipt:", head).decode("latin-1")
        self.sets_cookies = lower.find(b"\r\nset-cookie:") >= 0
        connection = _value(lower, b"\r\nconnection:")
        self.keep = b"close" not in connection if version == b"HTTP/1.1 " else b"keep-alive" in connection
        if status in _WITHOUT_BODY:
            self._part = _Part.BODY
        elif coding := _value(lower, b"\r\ntransfer-encoding:"):
            if coding != b"chunked":
                raise UnreadableError(f"transfer coding {coding!r}")
            self._part = _Part.CHUNK_SIZE
        elif length := _value(lower, b"\r\ncontent-length:"):
            if not length.isdigit() or length != _value(lower, b"\r\ncontent-length:", last=True):
                raise UnreadableError("no length that can be trusted")
            self._left, self._part = int(length), _Part.BODY
        else:
            self.keep, self._part = False, _Part.UNTIL_CLOSE

    def _body(self, data: bytes) -> bool:
        if self._part == _Part.BODY:
            left = self._left - len(data)
            if left > 0:
                self._left = left
                return False
            return self._done(over=left < 0)
        if self._part == _Part.UNTIL_CLOSE:
            return False
        return self._chunks(data)

    def _chunks(self, data: bytes) -> bool:
        at = 0
        while True:
            if self._part == _Part.CHUNK:
                taken = min(self._left, len(data) - at)
                at, self._left = at + taken, self._left - taken
                if self._left:
                    return False
                self._part = _Part.CHUNK_END
            end = data.find(b"\r\n", at)
            if end < 0:
                self._buffer = data[at:]
                if len(self._buffer) > HEAD_LIMIT or (self._part == _Part.CHUNK_END and len(self._buffer) > 1):
                    raise UnreadableError("a chunk that does not end")
                return False
            line, at = data[at:end], end + 2
            if self._part == _Part.CHUNK_END:
                if line:
                    raise UnreadableError("a chunk longer than it said")
                self._part = _Part.CHUNK_SIZE
            elif self._part == _Part.CHUNK_SIZE:
                size = line.partition(b";")[0].strip()
                if not size or len(size) > 16 or not _HEX.issuperset(size):
                    raise UnreadableError(f"no size of a chunk: {line[:40]!r}")
                self._left = int(size, 16)
                self._part = _Part.CHUNK if self._left else _Part.TRAILERS
            elif not line:
                return self._done(over=at < len(data))

    def _done(self, *, over: bool) -> bool:
        self._part = _Part.DONE
        if over:
            self.keep = False
        return True


def _may_begin(data: bytes) -> bool:
    return data.startswith(b"HTTP/1.") if len(data) >= 7 else b"HTTP/1.".startswith(data)


def _value(lower: bytes, name: bytes, head: bytes | None = None, *, last: bool = False) -> bytes:
    """Value of a header in a lower-case head, cut from ``head`` where case matters; ``name`` starts with a line end."""
    at = lower.rfind(name) if last else lower.find(name)
    if at < 0:
        return b""
    start = at + len(name)
    return (lower if head is None else head)[start : lower.find(b"\r\n", start)].strip()
