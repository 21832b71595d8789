"""FastCGI, as php-fpm speaks it: records split anyhow, several requests on one connection, side by side if need be.

The protocol: fastcgi-archives.github.io/FastCGI_Specification.html (3.3 records, 3.4 names and values, 5 requests).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from autograder.stack.dialects.cgi import answer_of, request_of
from autograder.stack.dialects.stream import HELD_LIMIT, GarbledError, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.dialects.dialect import Counting

_BEGIN, _ABORT, _END, _PARAMS, _STDIN, _STDOUT, _GET_VALUES, _VALUES, _UNKNOWN = 1, 2, 3, 4, 5, 6, 9, 10, 11
_RESPONDER = 1
_KEEP = 1
_COMPLETE, _OVERLOADED, _UNKNOWN_ROLE = 0, 2, 3
_SIDE_BY_SIDE = 100
"""Requests in work at once on one connection; as many as we say when asked."""


def _record(kind: int, request: int, content: bytes = b"") -> bytes:
    return struct.pack(">BBHHBx", 1, kind, request, len(content), 0) + content


def _end(request: int, how: int) -> bytes:
    return _record(_END, request, struct.pack(">IB3x", 0, how))


def pairs(block: bytes) -> dict[bytes, bytes]:
    """Names and values of a whole block. Raises :class:`GarbledError`."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(block):
        lengths = []
        for _ in range(2):
            first = block[at] if at < len(block) else 0
            if first < 128:
                lengths.append(first)
                at += 1
            else:
                lengths.append(int.from_bytes(block[at : at + 4], "big") & 0x7FFFFFFF)
                at += 4
        end = at + lengths[0] + lengths[1]
        if end > len(block):
            raise GarbledError("a variable longer than all of them")
        found[block[at : at + lengths[0]]] = block[at + lengths[0] : end]
        at = end
    return found


class _Request:
    """One request of a connection, from its first record to its answer."""

    def __init__(self, connection: FastCgi, number: int, keep: bool) -> None:
        self.nonce = "-"
        self.checkout = False
        self.params = b""
        self.named = False
        self.working = False
        self._connection = connection
        self._number = number
        self._keep = keep

    def answer(self, receipt: str, status: int) -> None:
        """See :class:`autograder.stack.dialects.dialect.Asked`."""
        connection, number = self._connection, self._number
        connection.requests.pop(number, None)
        page = answer_of(connection.shop, receipt, status)
        chunks = [_record(_STDOUT, number, page[at : at + 65535]) for at in range(0, len(page), 65535)]
        connection.send(b"".join(chunks) + _record(_STDOUT, number) + _end(number, _COMPLETE))
        if not self._keep:
            connection.close()

    def hang_up(self) -> None:
        """See :class:`autograder.stack.dialects.dialect.Asked`; others in work on this connection are lost with it."""
        self._connection.close()


class FastCgi(Stream):
    """What nginx's ``fastcgi_pass`` and HAProxy's ``proto fcgi`` speak."""

    def __init__(self, shop: Counting) -> None:
        super().__init__(shop)
        self.requests: dict[int, _Request] = {}
        self._held = bytearray()

    def read(self, data: bytes) -> None:
        """See :class:`Stream`."""
        self._held += data
        at = 0
        while len(self._held) - at >= 8:
            version, kind, number, length, padding = struct.unpack_from(">BBHHB", self._held, at)
            if version != 1:
                raise GarbledError("not FastCGI")
            end = at + 8 + length
            if len(self._held) < end + padding:
                break
            self._take(kind, number, bytes(self._held[at + 8 : end]))
            at = end + padding
        del self._held[:at]

    def _take(self, kind: int, number: int, content: bytes) -> None:
        request = self.requests.get(number)
        if kind == _BEGIN:
            self._begin(number, content)
        elif kind == _GET_VALUES:
            self.send(_record(_VALUES, 0, self._limits(pairs(content))))
        elif number == 0:
            self.send(_record(_UNKNOWN, 0, struct.pack(">B7x", kind)))
        elif request is None:
            return  # the rest of one that was refused or given up
        elif kind == _PARAMS:
            self._params(request, content)
        elif kind == _STDIN and not content and request.named and not request.working:
            request.working = True
            self.shop.arrive(request)
        elif kind == _ABORT and not request.working:
            del self.requests[number]
            self.send(_end(number, _COMPLETE))

    def _begin(self, number: int, content: bytes) -> None:
        if len(content) != 8 or number == 0 or number in self.requests:
            raise GarbledError("a request that does not begin")
        role, flags = struct.unpack_from(">HB", content)
        if role != _RESPONDER:
            self.send(_end(number, _UNKNOWN_ROLE))
        elif len(self.requests) >= _SIDE_BY_SIDE:
            self.send(_end(number, _OVERLOADED))
        else:
            self.requests[number] = _Request(self, number, bool(flags & _KEEP))

    @staticmethod
    def _params(request: _Request, content: bytes) -> None:
        if request.named:
            return
        if content:
            request.params += content
            if len(request.params) > HELD_LIMIT:
                raise GarbledError("too many variables")
            return
        request.nonce, request.checkout = request_of(pairs(request.params))
        request.params = b""
        request.named = True

    @staticmethod
    def _limits(asked: dict[bytes, bytes]) -> bytes:
        most = str(_SIDE_BY_SIDE).encode()
        limits = {b"FCGI_MAX_CONNS": b"4096", b"FCGI_MAX_REQS": most, b"FCGI_MPXS_CONNS": b"1"}
        told = [(name, value) for name, value in limits.items() if name in asked]
        return b"".join(bytes((len(name), len(value))) + name + value for name, value in told)


SPEAKERS: dict[str, Callable[[Counting], Stream]] = {"fastcgi": FastCgi}
