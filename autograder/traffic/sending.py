"""Send the requests of a job and note what became of each. Runs on the clients node; standard library only.

One thread over epoll and plain non-blocking sockets: measured against protocols on uvloop and against threads, this
costs least per request, and nothing is between the answer and the clock. Every request ends exactly once: with an
answer, or with one kind of failure.
"""

from __future__ import annotations

import itertools
import select
import time
from collections import deque
from typing import TYPE_CHECKING

from autograder.traffic.connection import TIMEOUT, Connection, OneByOne, failure_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autograder.traffic.job import Job

_SHORT = 0.002
"""epoll waits in whole milliseconds; what is due sooner than this (s) is waited for in microseconds, with select."""

Outcome = tuple[int, int, str, int, str]
"""Client, status, failure, latency in microseconds, receipt."""


class Sending:
    """Some of a job's requests on their way; ``numbers`` index the job's requests."""

    def __init__(self, job: Job, numbers: Sequence[int]) -> None:
        self.job = job
        self.poll = select.epoll()
        self.outcomes: list[Outcome | None] = [None] * len(job.requests)
        """In the order of the job's requests; None where the request is not among ``numbers``."""
        self._numbers = numbers
        self._left = len(numbers)
        self._next: Iterator[int] = iter(())
        """Closed loop: what is sent when an answer makes room."""
        self._schedule: deque[tuple[float, int]] = deque()
        """Open loop: when which request is to be sent."""
        self._due: deque[int] = deque()
        self._began = [0.0] * len(job.requests)
        self._deadlines: deque[tuple[float, int]] = deque()
        self._connections: dict[int, Connection] = {}
        self._kept: dict[int, Connection] = {}
        self._turns: dict[int, deque[int]] = {}
        """Requests of clients whose only connection is busy."""
        self._carrier: list[Connection | None] = [None] * len(job.requests)
        self._again: set[int] = set()

    def closed_loop(self, concurrency: int) -> None:
        """Keep ``concurrency`` requests under way, in order, until all have ended."""
        self._next = iter(self._numbers)
        self._due.extend(itertools.islice(self._next, concurrency))
        self._run()

    def open_loop(self, due: Sequence[float]) -> None:
        """Send each request at its time (:func:`time.monotonic`), however the earlier ones fare."""
        self._schedule.extend(zip(due, self._numbers, strict=True))
        self._run()

    def answered(self, number: int, status: int, receipt: str) -> None:
        """See :class:`autograder.traffic.connection.Owner`."""
        self._end(number, status, "", receipt)

    def lost(self, number: int, failure: str, *, again: bool) -> None:
        """See :class:`autograder.traffic.connection.Owner`."""
        # Once more, as browsers do: a reload may close any idle connection, and that is nobody's failure.
        if again and number not in self._again:
            self._again.add(number)
            self._due.appendleft(number)
        else:
            self._end(number, 0, failure, "")

    def gone(self, connection: Connection) -> None:
        """See :class:`autograder.traffic.connection.Owner`."""
        del self._connections[connection.fd]
        if self._kept:
            self.retired(connection)

    def retired(self, connection: Connection) -> None:
        """See :class:`autograder.traffic.connection.Owner`."""
        if self._kept.get(connection.client) is connection:
            del self._kept[connection.client]

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self._connections.values()):
            connection.close()
        self.poll.close()

    def _run(self) -> None:
        due, connections, poll = self._due, self._connections, self.poll
        while self._left:
            while self._schedule and self._schedule[0][0] <= time.monotonic():
                intended, number = self._schedule.popleft()
                self._began[number] = intended
                self._deadlines.append((time.monotonic() + self.job.timeout, number))
                due.append(number)
            while due:
                self._launch(due.popleft())
            for fd, events in poll.poll(self._patience()):
                # Handling an event closes its own connection at most, so no other event of this batch is stale.
                connection = connections.get(fd)
                if connection is not None:
                    connection.ready(events)
                while due:
                    self._launch(due.popleft())
            self._expire()

    def _patience(self) -> float:
        """Seconds until something is due; 0 after waiting for what was due very soon."""
        if not self._left or self._due:
            return 0
        wait = self._deadlines[0][0] - time.monotonic() if self._deadlines else 3600.0
        if self._schedule:
            wait = min(wait, self._schedule[0][0] - time.monotonic())
            if wait < _SHORT:
                select.select([self.poll], [], [], max(0.0, wait))
                return 0
            wait -= _SHORT / 2
        return max(0.0, wait)

    def _launch(self, number: int) -> None:
        if not self._began[number]:
            self._began[number] = now = time.monotonic()
            self._deadlines.append((now + self.job.timeout, number))
        client = self.job.requests[number][0]
        kept = self._kept.get(client)
        if kept is not None and not kept.room:
            self._turns.setdefault(client, deque()).append(number)
            return
        if kept is None:
            try:
                kept = self._open(client)
            except OSError as error:
                self._end(number, 0, failure_of(error), "")
                return
        self._carrier[number] = kept
        kept.ask(number)

    def _open(self, client: int) -> Connection:
        connection: Connection
        if self.job.protocol == "h2":
            from autograder.traffic.http2 import Http2  # the library takes 60 ms to import

            connection = Http2(self, client)
        else:
            connection = OneByOne(self, client)
        self._connections[connection.fd] = connection
        if self.job.keep[client]:
            self._kept[client] = connection
        return connection

    def _end(self, number: int, status: int, failure: str, receipt: str) -> None:
        client = self.job.requests[number][0]
        took = time.monotonic() - self._began[number]
        self.outcomes[number] = (client, status, failure, int(took * 1e6), receipt)
        self._carrier[number] = None
        self._left -= 1
        if self._turns and (turns := self._turns.get(client)):
            while turns:
                following = turns.popleft()
                if self.outcomes[following] is None:  # else its time was over before its turn came
                    self._due.append(following)
                    break
        for more in self._next:
            self._due.append(more)
            break

    def _expire(self) -> None:
        deadlines, now = self._deadlines, time.monotonic()
        while deadlines and (self.outcomes[deadlines[0][1]] is not None or deadlines[0][0] <= now):
            number = deadlines.popleft()[1]
            if self.outcomes[number] is None:
                carrier = self._carrier[number]
                if carrier is not None:
                    carrier.abandon(number)
                self._end(number, 0, TIMEOUT, "")
