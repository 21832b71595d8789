"""What module 1 says about connections that stay open, counted by a server of our own behind the real nginx.

Everything talks through sockets in a folder, so no port can be taken; each step waits for what it needs.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograder.stack.local_sandbox import balancer_folders
from tests.facts.shop import words_of

READING = Path(__file__).parents[2] / "course/modules/01-anatomy/reading.md"
PATIENCE_S = 120
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers everything, and counts connections. It answers nobody before ``together`` requests have come."""

    def __init__(self, place: Path, together: int = 1) -> None:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(place))
        self._listening.listen(64)
        self._changed = threading.Condition()
        self._together, self._open = together, 0
        self.accepted = 0
        self.asked: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_for_open(self, count: int) -> None:
        """Wait until so many connections are open, no more and no fewer."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._open == count, PATIENCE_S), self._open

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with self._changed:
                    self.accepted += 1
                    self._open += 1
                    self._changed.notify_all()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            while first := lines.readline():
                headers = [*iter(lines.readline, b"\r\n")]
                with self._changed:
                    self.asked.append(first.decode().strip())
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: len(self.asked) >= self._together, PATIENCE_S)
                connection.sendall(ANSWER)
                if any(header.lower() == b"connection: close\r\n" for header in headers):
                    break
        with self._changed:
            self._open -= 1
            self._changed.notify_all()


@contextlib.contextmanager
def nginx(folder: Path, pool: str, location: str = "") -> Iterator[Path]:
    """The real nginx with one worker before the server in ``folder``; yields the socket of its door."""
    door, config = folder / "door", folder / "nginx.conf"
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;\nevents {{}}\n"
        f"http {{ {temporary} access_log off; upstream shop {{ server unix:{folder}/server; {pool} }}\n"
        f"server {{ listen unix:{door}; location / {{ {location} proxy_pass http://shop; }} }} }}\n"
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


def _wait_until_it_listens(door: Path, running: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE_S * 20):
        assert running.poll() is None
        with socket.socket(socket.AF_UNIX) as tried, contextlib.suppress(OSError):
            tried.connect(str(door))
            return
        pause.wait(0.05)
    raise AssertionError("nginx does not listen")


def get(door: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(door))
        client.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: client.recv(4096), b""))


@pytest.mark.parametrize(
    ("pool", "location", "connections", "version"),
    [
        ("", "", 1, "1.1"),
        ("keepalive 8;", "", 1, "1.1"),
        # as it was before 1.29.7, unless three lines said otherwise
        ("", "proxy_http_version 1.0; proxy_set_header Connection close;", 6, "1.0"),
    ],
    ids=["default", "keepalive", "before"],
)
def test_connections_to_servers_are_kept_unless_somebody_says_no(
    near: Path, pool: str, location: str, connections: int, version: str
) -> None:
    server = Server(near / "server")
    with contextlib.closing(server), nginx(near, pool, location) as door:
        assert all(get(door).endswith(b"ok") for _ in range(6))
        assert server.accepted == connections
        assert server.asked == [f"GET / HTTP/{version}"] * 6
    assert "**Six requests, one connection**" in words_of(READING)


def test_keepalive_keeps_idle_connections_and_limits_none(near: Path) -> None:
    server = Server(near / "server", together=8)
    with contextlib.closing(server), nginx(near, "keepalive 2;") as door, ThreadPoolExecutor(8) as crowd:
        answers = [crowd.submit(get, door) for _ in range(8)]
        assert all(answer.result(PATIENCE_S).endswith(b"ok") for answer in answers)
        assert server.accepted == 8
        server.wait_for_open(2)
    assert "eight connections were open at once, and two stayed" in words_of(READING)
