"""One connection of one client: bytes out, bytes in. Runs on the clients node; standard library only.

What the bytes mean is for :class:`OneByOne` (HTTP/1.1, lines over TCP) and :mod:`autograder.traffic.http2`.
"""

from __future__ import annotations

from errno import EHOSTUNREACH, ENETUNREACH
from select import EPOLLIN, EPOLLOUT
from typing import TYPE_CHECKING, Protocol

from autograder.traffic.http1 import HEAD_LIMIT, Answer, UnreadableError

if TYPE_CHECKING:
    from select import epoll

    from autograder.traffic.job import Job

REFUSED, RESET, TIMEOUT, UNREADABLE = "refused", "reset", "timeout", "unreadable"
_READ = 16384
_NONE = -1
_NO_WAY = (EHOSTUNREACH, ENETUNREACH)


class Owner(Protocol):
    """Whom a connection tells what became of the requests it was given."""

    job: Job
    poll: epoll

    def answered(self, number: int, status: int, receipt: str) -> None:
        """A request has its answer."""

    def lost(self, number: int, failure: str, *, again: bool) -> None:
        """A request has none; ``again`` if no server can have answered it, so that it may be asked once more."""

    def retired(self, connection: Connection) -> None:
        """A connection takes no more requests, and goes on with those it has."""

    def gone(self, connection: Connection) -> None:
        """A connection was closed."""


def failure_of(error: Exception) -> str:
    """The kind of failure that an error on a connection is."""
    if isinstance(error, ConnectionRefusedError) or getattr(error, "errno", None) in _NO_WAY:
        return REFUSED
    if isinstance(error, TimeoutError):  # the kernel gave up on the other side
        return TIMEOUT
    if type(error).__module__ == "ssl" and not type(error).__name__.startswith("SSLEOF"):
        return UNREADABLE
    return UNREADABLE if isinstance(error, ValueError) else RESET


class Connection:
    """A socket with what is to be sent over it. ``client`` indexes the job's clients.

    Making one raises ``OSError`` where the door refuses at once.
    """

    __slots__ = ("_tls", "_unsent", "_watched", "client", "fd", "open", "owner", "sock")

    def __init__(self, owner: Owner, client: int) -> None:
        self.owner = owner
        self.client = client
        self.sock = owner.job.connect(client)
        self.fd = self.sock.fileno()
        self.open = True
        self._watched = 0
        self._unsent = b""
        self._tls = None
        if not owner.job.plain:
            self._unsent = owner.job.preface(client, self.sock)
            self._tls = owner.job.tls()

    @property
    def room(self) -> bool:
        """Whether it can take another request now."""
        raise NotImplementedError

    def ask(self, number: int) -> None:
        """Send a request."""
        raise NotImplementedError

    def abandon(self, number: int) -> None:
        """Nobody waits for this answer any more."""
        raise NotImplementedError

    def heard(self, data: bytes) -> None:
        """Plain text arrived. May raise :class:`UnreadableError`."""
        raise NotImplementedError

    def finished(self) -> None:
        """The other side has closed in good order."""
        self.close(RESET)

    def ended(self, failure: str) -> None:
        """It is closed, for this reason: whoever waits is told."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Send plain text, now or as soon as there is room."""
        try:
            self._send(self._tls.say(data) if self._tls is not None else data)
        except OSError as error:
            self.close(failure_of(error))

    def ready(self, events: int) -> None:
        """The kernel says that something happened."""
        try:
            if events & EPOLLOUT:
                unsent, self._unsent = self._unsent, b""
                self._send(unsent)
            if events & ~EPOLLOUT:
                data = self.sock.recv(_READ)
                if not data:
                    self.finished()
                elif self._tls is None:
                    self.heard(data)
                else:
                    heard, leaving = self._tls.hear(data)
                    if leaving:
                        self._send(leaving)
                    if heard:
                        self.heard(heard)
        except BlockingIOError:
            pass
        except (OSError, UnreadableError) as error:
            self.close(failure_of(error))

    def close(self, failure: str = RESET) -> None:
        """Close it, and tell what that means for the requests it carries. No-op if it is closed."""
        if self.open:
            self.open = False
            self.sock.close()
            self.owner.gone(self)
            self.ended(failure)

    def _send(self, data: bytes) -> None:
        if self._unsent:
            self._unsent += data
        elif data:
            try:
                sent = self.sock.send(data)
            except BlockingIOError:  # not connected yet, or no room
                sent = 0
            if sent < len(data):
                self._unsent = data[sent:]
        events = EPOLLIN | EPOLLOUT if self._unsent else EPOLLIN
        if events != self._watched:
            if self._watched:
                self.owner.poll.modify(self.fd, events)
            else:
                self.owner.poll.register(self.fd, events)
            self._watched = events


class Line:
    """One answer where the door speaks TCP: a line, the receipt. See :class:`autograder.traffic.http1.Answer`."""

    __slots__ = ("_buffer", "cookies", "keep", "receipt", "status")

    def __init__(self) -> None:
        self.status = 0
        self.receipt = ""
        self.keep = True
        self.cookies: tuple[str, ...] = ()
        self._buffer = b""

    def feed(self, data: bytes) -> bool:
        """Take what arrived; True when the line is whole."""
        self._buffer += data
        line, end, rest = self._buffer.partition(b"\n")
        if not end:
            if len(line) > HEAD_LIMIT:
                raise UnreadableError("a line without end")
            return False
        if not line.strip().isalnum():
            raise UnreadableError("a line that is no receipt")
        # There is no status in TCP: such a line is an answer, and whether a server gave it is for the journal to say.
        self.status, self.receipt, self.keep = 200, line.strip().decode("ascii"), not rest
        return True

    def end(self) -> bool:
        """The other side has closed; that makes no line whole."""
        return False


class OneByOne(Connection):
    """A connection on which each request waits for the answer before it: HTTP/1.1, or lines over TCP."""

    __slots__ = ("_answer", "_make", "_number", "_silent", "_used")

    def __init__(self, owner: Owner, client: int) -> None:
        super().__init__(owner, client)
        self._make: type[Answer | Line] = Line if owner.job.protocol == "tcp" else Answer
        self._number = _NONE
        self._used = False
        self._silent = True

    @property
    def room(self) -> bool:
        """See :class:`Connection`."""
        return self.open and self._number == _NONE

    def ask(self, number: int) -> None:
        """See :class:`Connection`."""
        self._number = number
        self._silent = True
        self._answer = self._make()
        self.write(self.owner.job.request(number))

    def abandon(self, number: int) -> None:
        """See :class:`Connection`: the answer may come at any time, so nothing else can be asked here."""
        if number == self._number:
            self._number = _NONE
            self.close()

    def heard(self, data: bytes) -> None:
        """See :class:`Connection`."""
        if self._number == _NONE:  # nobody asked
            self.close()
            return
        self._silent = False
        if self._answer.feed(data):
            self._done()

    def finished(self) -> None:
        """See :class:`Connection`: an answer without a length ends here."""
        if self._number != _NONE and self._answer.end():
            self._done()
        else:
            self.close()

    def ended(self, failure: str) -> None:
        """See :class:`Connection`."""
        number, self._number = self._number, _NONE
        if number != _NONE:
            self.owner.lost(number, failure, again=self._used and self._silent)

    def _done(self) -> None:
        answer, number, self._number = self._answer, self._number, _NONE
        job = self.owner.job
        if answer.cookies:
            job.heed(number, answer.cookies)
        if answer.keep and job.keep[self.client]:
            self._used = True
        else:
            self.open = False
            self.sock.close()
            self.owner.gone(self)
        self.owner.answered(number, answer.status, answer.receipt)
