"""The real nginx between sockets in a folder: no port can be taken, and servers may do what no shop would.

For claims about one request at a time; each step waits for what it needs.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from autograder.stack.local_sandbox import balancer_folders

PATIENCE_S = 120


class Server:
    """Answers with each ``status`` in turn, then always with the last; at 0 it breaks off. Remembers what was asked."""

    def __init__(self, place: Path, *status: int) -> None:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(place))
        self._listening.listen(64)
        self._status = status or (200,)
        self.asked: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listening.accept()[0],), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            first = lines.readline().decode().split()
            while lines.readline().strip():
                pass
            self.asked.append(" ".join(first[:2]))
            if status := self._status[min(len(self.asked), len(self._status)) - 1]:
                head = f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode())


@contextlib.contextmanager
def nginx(folder: Path, location: str, http: str = "") -> Iterator[Path]:
    """The real nginx with one worker and these lines; yields the socket of its door."""
    door, config = folder / "door", folder / "nginx.conf"
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;\nevents {{}}\n"
        f"http {{ {temporary} access_log off; {http}\nserver {{ listen unix:{door}; {location} }} }}\n"
    )
    running = subprocess.Popen(
        [balancer_folders()[0] / "nginx", "-e", str(folder / "errors"), "-c", str(config)], env=dict(os.environ)
    )
    try:
        _wait_until_it_listens(door, running)
        yield door
    finally:
        running.terminate()
        running.wait()
        door.unlink(missing_ok=True)


def _wait_until_it_listens(door: Path, running: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE_S * 20):
        assert running.poll() is None
        with socket.socket(socket.AF_UNIX) as tried, contextlib.suppress(OSError):
            tried.connect(str(door))
            return
        pause.wait(0.05)
    raise AssertionError("nginx does not listen")


def ask(door: Path, method: str = "GET", path: str = "/", headers: str = "") -> int:
    """The status of the answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(str(door))
        request = f"{method} {path} HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\nConnection: close\r\n"
        client.sendall(f"{request}{headers}\r\n".encode())
        with client.makefile("rb") as lines:
            return int(lines.readline().split()[1])
