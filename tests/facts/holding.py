"""A server between sockets in a folder that can be told what to say, and to say nothing until it may."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

PATIENCE_S = 120
"""Seconds a test waits for what has to come; a busy machine may need many."""


class Server:
    """Answers with ``says[path]``, else 200; a path in ``held`` only after :meth:`release`.

    ``knocks`` has the first line of each connection that ended, empty if nothing was asked.
    """

    def __init__(self, place: Path, says: dict[str, int] | None = None, held: tuple[str, ...] = ()) -> None:
        self.says = says or {}
        self.knocks: list[str] = []
        self.asked: list[str] = []
        self._held = {path: threading.Event() for path in held}
        self._changed = threading.Condition()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(place))
        self._listening.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_until_asked(self, path: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: path in self.asked, PATIENCE_S), self.asked

    def wait_for_knocks(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.knocks) >= count, PATIENCE_S), self.knocks
            return self.knocks[:count]

    def release(self, path: str) -> None:
        self._held[path].set()

    def close(self) -> None:
        for may in self._held.values():
            may.set()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listening.accept()[0],), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        first = ""
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            first = lines.readline().decode().strip()
            while lines.readline().strip():
                pass
            path = first.split()[1] if first else ""
            with self._changed:
                self.asked.append(path)
                self._changed.notify_all()
            if path in self._held:
                self._held[path].wait(PATIENCE_S)
            if first:
                head = f"HTTP/1.1 {self.says.get(path, 200)} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode())
        with self._changed:
            self.knocks.append(first)
            self._changed.notify_all()


def ask(door: Path, path: str = "/", more: str = "") -> tuple[int | None, str]:
    """The status and the whole head of the answer, to ``more`` headers; no status if the connection ended without."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(str(door))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n{more}\r\n".encode())
        with contextlib.suppress(ConnectionResetError):
            head = b"".join(iter(lambda: client.recv(4096), b"")).decode()
            return (int(head.split()[1]) if head else None), head
    return None, ""
