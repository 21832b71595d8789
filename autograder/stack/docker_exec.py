"""Running a program inside a container, with input, a time limit and a limit on output.

The SDK offers no time limit and collects any amount of output, so this speaks on the connection that the SDK opens:
a stream of frames, each with a header of eight bytes (stream number, three zeroes, length; Docker Engine API,
"Attach to a container").
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.stack.engine import TIMED_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KILLED = 137
_HEADER = struct.Struct(">BxxxL")
_GRACE = 2.0
"""Seconds that Docker may need to start a program and to tell its end."""
_POLL = 0.005
_LINE_KEPT = 1024 * 1024


@dataclass
class _Frames:
    """Takes the stream apart; keeps the first ``limit`` bytes of each of stdout (1) and stderr (2)."""

    limit: int
    kept: dict[int, bytearray] = field(default_factory=lambda: {1: bytearray(), 2: bytearray()})
    _pending: bytearray = field(default_factory=bytearray)
    _stream: int = 1
    _left: int = 0

    def feed(self, data: bytes) -> None:
        self._pending += data
        while self._pending:
            if not self._left:
                if len(self._pending) < _HEADER.size:
                    return
                self._stream, self._left = _HEADER.unpack_from(self._pending)
                del self._pending[: _HEADER.size]
            taken = self._pending[: self._left]
            del self._pending[: len(taken)]
            self._left -= len(taken)
            stream = self.kept.setdefault(self._stream, bytearray())
            stream += taken[: max(0, self.limit - len(stream))]


def execute(
    api: Any,
    container: str,
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout: float,
    limit: int,
    user: str = "",
) -> tuple[int, bytes, bytes]:
    """Run ``argv`` in a running container; returns exit code, stdout and stderr, each at most ``limit`` bytes.

    ``user`` is whose rights it has; empty for those of the container's main process. At ``timeout`` seconds the
    program is killed and the exit code is 124. Raises ``docker.errors.APIError`` if Docker cannot run it, for instance
    because the container is not running.
    """
    # Docker has no way to end what it was told to run, so the program is started under coreutils' timeout.
    bounded = ["timeout", "--signal=KILL", f"{timeout:.3f}", *argv]
    number = api.exec_create(container, bounded, stdin=True, workdir="/tmp", user=user)["Id"]
    began = time.monotonic()
    stream = api.exec_start(number, socket=True)
    try:
        frames = _Frames(limit)
        finished = _converse(stream, frames, began + timeout + _GRACE, stdin)
    finally:
        close_stream(stream)
    if not finished:
        return TIMED_OUT, bytes(frames.kept[1]), bytes(frames.kept[2])
    code = _exit_code(api, number, began + timeout + 2 * _GRACE)
    if code == _KILLED and time.monotonic() - began >= timeout:
        code = TIMED_OUT
    return code, bytes(frames.kept[1]), bytes(frames.kept[2])


def give_order(api: Any, container: str, line: bytes) -> None:
    """Write to the standard input of a container's main process."""
    stream = api.attach_socket(container, params={"stdin": 1, "stream": 1})
    try:
        connection_of(stream).sendall(line)
        _end_of_input(connection_of(stream))
    finally:
        close_stream(stream)


def read_line(api: Any, container: str, number: int, timeout: float) -> str | None:
    """Wait for the line with this number, from 1, that a container's main process writes to standard output.

    Lines count over all its starts. None if the process ends, or ``timeout`` seconds are over, before that.
    """
    frames = _Frames(_LINE_KEPT)
    said = frames.kept[1]
    stream = api.attach_socket(container, params={"stdout": 1, "logs": 1, "stream": 1})
    try:
        _converse(stream, frames, time.monotonic() + timeout, enough=lambda: said.count(b"\n") >= number)
    finally:
        close_stream(stream)
    return said.splitlines()[number - 1].decode() if said.count(b"\n") >= number else None


def _converse(
    stream: Any, frames: _Frames, deadline: float, stdin: bytes = b"", enough: Callable[[], bool] = lambda: False
) -> bool:
    """Send all of stdin and read until it is enough or the other side closes. False if the deadline came first."""
    connection = connection_of(stream)
    connection.setblocking(False)
    frames.feed(read_ahead(stream))
    unsent = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while (left := deadline - time.monotonic()) > 0:
            if enough():
                return True
            for _, events in selector.select(left):
                if events & selectors.EVENT_READ:
                    try:
                        data = connection.recv(65536)
                    except BlockingIOError:
                        continue
                    except ConnectionResetError:
                        data = b""
                    if not data:
                        return True
                    frames.feed(data)
                elif events & selectors.EVENT_WRITE:
                    with contextlib.suppress(BlockingIOError, BrokenPipeError):
                        unsent = unsent[connection.send(unsent[:262144]) :] if unsent else unsent
                    if not unsent:
                        _end_of_input(connection)
                        selector.modify(connection, selectors.EVENT_READ)
    return False


def _exit_code(api: Any, number: str, deadline: float) -> int:
    """The stream may close a moment before Docker knows the exit code."""
    while True:
        found = api.exec_inspect(number)
        if not found["Running"] and found["ExitCode"] is not None:
            return int(found["ExitCode"])
        if time.monotonic() > deadline:
            return TIMED_OUT
        time.sleep(_POLL)


def connection_of(stream: Any) -> socket.socket:
    """The connection underneath what the SDK hands out."""
    connection: socket.socket = getattr(stream, "_sock", stream)
    return connection


def read_ahead(stream: Any) -> bytes:
    """Bytes that came with the HTTP headers: the SDK hands out the socket underneath its buffer."""
    buffer = stream._response.raw._fp.fp
    return bytes(buffer.read1()) if buffer.peek() else b""


def _end_of_input(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def close_stream(stream: Any) -> None:
    """Close what the SDK opened, all of it."""
    with contextlib.suppress(OSError):
        stream._response.close()
    with contextlib.suppress(OSError):
        stream.close()
