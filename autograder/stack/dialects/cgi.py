"""uwsgi and SCGI: one request a connection, its variables in front, its body behind (and dropped).

uwsgi: a header of four bytes, then names and values with 16-bit lengths, little-endian
(uwsgi-docs.readthedocs.io/en/latest/Protocol.html). SCGI: a netstring of names and values that end in NUL
(python.ca/scgi/protocol.txt).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from autograder.stack.dialects.dialect import REASONS, is_checkout, nonce_of
from autograder.stack.dialects.stream import HELD_LIMIT, GarbledError, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autograder.stack.dialects.dialect import Counting

_WSGI = 0
"""uwsgi's modifier1 of an ordinary request; others (spooling, caching, …) are no pages."""
_PATHS = (b"REQUEST_URI", b"DOCUMENT_URI", b"SCRIPT_NAME", b"PATH_INFO", b"SCRIPT_FILENAME")


def request_of(variables: Mapping[bytes, bytes]) -> tuple[str, bool]:
    """Nonce of a request, and whether it is a checkout; ``variables`` are named as CGI names them."""
    paths = [variables[name] for name in _PATHS if name in variables]
    return nonce_of(variables.get(b"HTTP_X_REQUEST_NONCE", b"")), any(is_checkout(path) for path in paths)


def answer_of(shop: Counting, receipt: str, status: int) -> bytes:
    """Header fields and page as a CGI program writes them, status last known line first."""
    page = shop.page()
    head = (
        f"Status: {status} {REASONS.get(status, 'Unknown')}\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(page)}\r\nX-Served-By: {shop.name}\r\nX-Receipt: {receipt}\r\n\r\n"
    )
    return head.encode() + page


class _OneRequest(Stream):
    """A connection that carries one request; it is in work once its body has arrived, and closed when answered."""

    def __init__(self, shop: Counting) -> None:
        super().__init__(shop)
        self.nonce = "-"
        self.checkout = False
        self._held = b""
        self._body_left: int | None = None
        self._working = False

    def variables(self, held: bytes) -> tuple[dict[bytes, bytes], bytes] | None:
        """Variables and what follows them, or None if they are not whole yet. Raises :class:`GarbledError`."""
        raise NotImplementedError

    def read(self, data: bytes) -> None:
        """See :class:`Stream`."""
        if self._working:
            return
        if self._body_left is None:
            self._held += data
            found = self.variables(self._held)
            if found is None:
                if len(self._held) > HELD_LIMIT + 16:
                    raise GarbledError("too many variables")
                return
            variables, data = found
            self._held = b""
            self.nonce, self.checkout = request_of(variables)
            length = variables.get(b"CONTENT_LENGTH") or b"0"
            if not length.isdigit() or len(length) > 15:
                raise GarbledError("a body of no length")
            self._body_left = int(length)
        self._body_left -= len(data)
        if self._body_left <= 0:
            self._working = True
            self.shop.arrive(self)

    def answer(self, receipt: str, status: int) -> None:
        """See :class:`autograder.stack.dialects.dialect.Asked`."""
        self.send(answer_of(self.shop, receipt, status))
        self.close()

    def hang_up(self) -> None:
        """See :class:`autograder.stack.dialects.dialect.Asked`."""
        self.close()


class Uwsgi(_OneRequest):
    """What nginx's ``uwsgi_pass`` speaks."""

    def variables(self, held: bytes) -> tuple[dict[bytes, bytes], bytes] | None:
        """See :class:`_OneRequest`."""
        if len(held) < 4:
            return None
        modifier, size = struct.unpack_from("<BH", held)
        if modifier != _WSGI:
            raise GarbledError("not a request for a page")
        if len(held) < 4 + size:
            return None
        found: dict[bytes, bytes] = {}
        block, at = held[4 : 4 + size], 0
        while at < size:
            name, at = self._text(block, at)
            found[name], at = self._text(block, at)
        return found, held[4 + size :]

    @staticmethod
    def _text(block: bytes, at: int) -> tuple[bytes, int]:
        if at + 2 > len(block):
            raise GarbledError("a variable without its length")
        end = at + 2 + int.from_bytes(block[at : at + 2], "little")
        if end > len(block):
            raise GarbledError("a variable longer than all of them")
        return block[at + 2 : end], end


class Scgi(_OneRequest):
    """What nginx's ``scgi_pass`` speaks."""

    def variables(self, held: bytes) -> tuple[dict[bytes, bytes], bytes] | None:
        """See :class:`_OneRequest`."""
        digits, colon, rest = held[:8].partition(b":")
        if not colon:
            if len(held) >= 8 or not (digits.isdigit() or not digits):
                raise GarbledError("no netstring")
            return None
        if not digits.isdigit() or int(digits) > HELD_LIMIT:
            raise GarbledError("no netstring, or a long one")
        start, size = len(digits) + 1, int(digits)
        if len(held) <= start + size:
            return None
        block, rest = held[start : start + size], held[start + size + 1 :]
        parts = block.split(b"\0")
        if held[start + size : start + size + 1] != b"," or parts[-1] or len(parts) % 2 == 0:
            raise GarbledError("no pairs of variables")
        return dict(zip(parts[0:-1:2], parts[1:-1:2], strict=True)), rest


SPEAKERS: dict[str, Callable[[Counting], Stream]] = {"uwsgi": Uwsgi, "scgi": Scgi}
