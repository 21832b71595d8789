"""Plain TCP: a line with a nonce comes in, a line with the receipt goes out, as often as the client likes.

Servers of databases and mail are stood in for, too. What balancers send to see whether one is there is answered
well enough for them: PING, a PostgreSQL start-up packet, an LDAP bind, a TLS hello, … A server that a health check
expects to speak first does so, but only to a client that has said nothing for a while: what traffic gets is the same.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autograder.stack.dialects.dialect import nonce_of
from autograder.stack.dialects.stream import HELD_LIMIT, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.dialects.dialect import Counting

_SILENCE_S = 0.05
_LONGEST_LINE = 4096
_LINES = {
    b"PING": b"+PONG\r\n",
    b"INFO REPLICATION": b"$13\r\nrole:master\r\n\r\n",
    b"QUIT": b"+OK\r\n",
    b"VERSION": b"VERSION 1.6\r\n",
    b"RUOK": b"imok",
}
"""Lines that end in CR LF (a nonce's line ends in LF alone) and what redis, memcached and mail servers say to them."""
_PACKETS: tuple[tuple[int, bytes, bytes], ...] = (
    # Where a mark stands in what comes first, the mark, and the answer. PostgreSQL: version 3.0 → "authentication ok".
    (4, b"\0\3\0\0", b"R\0\0\0\x08\0\0\0\0"),
    # LDAP: a bind request (0x60) → a bind response that says success.
    (5, b"\x60", b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
    # TLS or SSL 3: a hello → an alert, which is an answer too.
    (0, b"\x16\x03", b"\x15\x03\x00\x00\x02\x02\x28"),
)


class Tcp(Stream):
    """One connection; requests are worked on one after another."""

    def __init__(self, shop: Counting) -> None:
        super().__init__(shop)
        self.greeting = f"{shop.says}\r\n".encode() if shop.says else b""
        self.greeted = False
        self.nonce = "-"
        self.checkout = False
        self._held = b""
        self._working = False
        self._looking = False
        self._heard = False
        self._silence: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`Stream`; who says nothing is greeted."""
        super().connection_made(transport)
        if self.greeting:
            self._silence = asyncio.get_running_loop().call_later(_SILENCE_S, self._greet)

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`Stream`."""
        super().connection_lost(exc)
        if self._silence is not None:
            self._silence.cancel()

    def _greet(self) -> None:
        if not self._heard:
            self.greeted = True
            self.send(self.greeting)

    def read(self, data: bytes) -> None:
        """See :class:`Stream`."""
        if not self._heard:
            self._heard = True
            self.first(data)
        self._held += data
        if len(self._held) > HELD_LIMIT:
            self.hold(True)
        if not self._working:
            self._next()

    def first(self, data: bytes) -> None:
        """Answer the first packet if it is what a balancer sends to look whether such a server is there."""
        for at, mark, answer in _PACKETS:
            if data[at:].startswith(mark):
                self.send(answer)
                return
        if self.greeting and nonce_of(data.partition(b"\n")[0]) == "-":
            self.send(self.greeting)

    def _next(self) -> None:
        """Take lines until one is a request. What is no line of ours is dropped."""
        self._looking = True  # an answer may come at once, from within
        while not self._working and self.open:
            line, newline, rest = self._held.partition(b"\n")
            if not newline:
                if len(line) > _LONGEST_LINE:
                    self._held = b""
                break
            self._held = rest
            if line.endswith(b"\r"):
                self._asked_how(line[:-1].strip())
            elif (nonce := nonce_of(line)) != "-":
                self.nonce, self._working = nonce, True
                self.shop.arrive(self)
        self._looking = False
        if len(self._held) <= HELD_LIMIT:
            self.hold(False)

    def _asked_how(self, line: bytes) -> None:
        word = line.upper()
        self.send(self.well(word))
        if word == b"QUIT":
            self.close()

    def well(self, word: bytes) -> bytes:
        """What is said to a line (in capitals) that only asks how the server is."""
        return _LINES.get(word, b"")

    def answer(self, receipt: str, status: int) -> None:
        """See :class:`autograder.stack.dialects.dialect.Asked`; a server that fails hangs up."""
        if status == 200:
            self.send(receipt.encode() + b"\n")
        else:
            self.close()
        self._working = False
        if self.open and not self._looking:
            self._next()

    def hang_up(self) -> None:
        """See :class:`autograder.stack.dialects.dialect.Asked`."""
        self.close()


SPEAKERS: dict[str, Callable[[Counting], Stream]] = {"tcp": Tcp}
