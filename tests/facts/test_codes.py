"""The codes in HAProxy's log that the cheat sheet explains, each produced with the real HAProxy.

Everything talks through sockets in a folder, so no port can be taken; each step waits for what it needs. A code is
produced by a time limit of 50 ms or by somebody who leaves; what has to stay has an hour.
"""

from __future__ import annotations

import contextlib
import queue
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from autograder.stack.local_sandbox import balancer_folders

SHEET = Path(__file__).parents[2] / "course/cheatsheets/haproxy.md"
PATIENCE_S = 120
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
MUCH = b"x" * 2**16
CONFIG = """global
    log {folder}/log len 4096 format raw local0
defaults
    mode http
    log global
    option httplog
    retries 0
    timeout connect 1h
    timeout client 1h
    timeout server 1h
    timeout queue 1h
    timeout http-request 1h
"""


class Log:
    """Where HAProxy sends a line for each request."""

    def __init__(self, place: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(place))
        self._socket.settimeout(PATIENCE_S)

    def next(self, way: str) -> tuple[str, str]:
        """The four letters and the status of the next line that tells of a request by that way."""
        while True:
            line = self._socket.recv(8192).decode(errors="replace")
            if f" {way} " in line and (found := re.search(r" (-?\d+) \d+ - - ([\w-]{4}) ", line)):
                return found[2], found[1]

    def close(self) -> None:
        self._socket.close()


class Server:
    """Does with each request what the path says."""

    def __init__(self, place: Path) -> None:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(place))
        self._listening.listen(64)
        self._met: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.go_on = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_for(self, path: str) -> None:
        """Wait until that is asked for, since somebody waited last."""
        while self._met.get(timeout=PATIENCE_S) != path:
            pass

    def close(self) -> None:
        self.go_on.set()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listening.accept()[0],), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            path = lines.readline().split()[1].decode()
            while lines.readline().strip():
                pass
            self._met.put(path)
            if path == "/well":
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            if path in ("/half", "/stalls"):
                connection.sendall(HEAD + MUCH)
            if path == "/flood":
                connection.sendall(HEAD)
                while True:
                    connection.sendall(MUCH)
            if path in ("/silent", "/stalls"):
                self.go_on.wait(PATIENCE_S)


@contextlib.contextmanager
def haproxy(folder: Path, ways: dict[str, str]) -> Iterator[None]:
    """The real HAProxy with a door for each way: the socket of that name, and settings of its own."""
    config = CONFIG.format(folder=folder)
    for name, settings in ways.items():
        where = "gone" if settings == GONE else "server"
        limited = "maxconn 1" if "timeout queue" in settings else ""
        config += f"listen {name}\n    bind unix@{folder}/{name}\n    {settings if settings != GONE else ''}\n"
        config += f"    server app unix@{folder}/{where} {limited}\n"
    (folder / "haproxy.cfg").write_text(config)
    programs = [place / "haproxy" for place in balancer_folders() if (place / "haproxy").exists()]
    running = subprocess.Popen([programs[0], "-q", "-db", "-f", str(folder / "haproxy.cfg")])
    try:
        pause = threading.Event()
        while not all((folder / name).exists() for name in ways):
            assert running.poll() is None
            pause.wait(0.02)
        yield
    finally:
        running.terminate()
        running.wait()


def ask(door: Path, path: str, more: bytes = b"\r\n") -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE_S)
    client.connect(str(door))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n".encode() + more)
    return client


GONE = "no server listens"
STAYS = {
    "----": ("/well", ""),
    "SC--": ("/well", GONE),
    "SH--": ("/nothing", ""),
    "sH--": ("/silent", "timeout server 50ms"),
    "SD--": ("/half", ""),
    "sD--": ("/stalls", "timeout server 50ms"),
    "PR--": ("/well", "http-request deny"),
    "LR--": ("/well", "http-request redirect location /there"),
    "cD--": ("/flood", "timeout client 50ms"),
}
"""Code → what a client asks for, who waits for all that comes; and settings."""
LEAVES = {"CD--": ("/flood", ""), "CH--": ("/silent", "option abortonclose")}
"""The same for clients who leave when the server has the request."""
LONG = ("/half", "/stalls", "/flood")
"""What has to begin before it can end like that: on a busy machine, 50 ms may pass before."""
TRIES = 100


def test_each_code_of_the_cheat_sheet_that_we_can_make(near: Path) -> None:
    seen = {}
    ways = {f"way{number}": settings for number, (_, settings) in enumerate([*STAYS.values(), *LEAVES.values()])}
    ways |= {"late": "timeout http-request 50ms", "queue": "timeout queue 50ms"}
    with contextlib.closing(Log(near / "log")) as log, contextlib.closing(Server(near / "server")) as server:
        with haproxy(near, ways):
            for number, (code, (path, _)) in enumerate([*STAYS.items(), *LEAVES.items()]):
                for _ in range(TRIES):
                    with ask(near / f"way{number}", path) as client:
                        begun = path == "/silent" or client.recv(12) == b"HTTP/1.1 200"
                        if path == "/silent":
                            server.wait_for(path)
                        if code in STAYS and path != "/flood":  # who takes nothing makes the code
                            _take(client)
                        if code in STAYS:
                            seen[code] = log.next(f"way{number}")
                    if code in LEAVES:
                        seen[code] = log.next(f"way{number}")
                    if begun or path not in LONG:
                        break
            with ask(near / "late", "/well", b"Half-a-header"):
                seen["cR--"] = log.next("late")
            with ask(near / "queue", "/silent"):
                server.wait_for("/silent")
                with ask(near / "queue", "/well"):
                    seen["sQ--"] = log.next("queue")
    assert {code: found for code, (found, _) in seen.items()} == {code: code for code in seen}
    rows = re.findall(r"^\| `([\w-]{4})` \| (.*) \|", SHEET.read_text(encoding="utf-8"), re.MULTILINE)
    # nobody is silent on a socket in a folder: who does not answer refuses
    assert {code for code, _ in rows} == {*seen, "sC--"}
    said = {code: statuses for code, words in rows if code in seen and (statuses := re.findall(r"\d{3}", words))}
    assert len(said) == 6
    assert {code: status for code, (_, status) in seen.items() if status not in said.get(code, [status])} == {}


def _take(client: socket.socket) -> None:
    """All that comes."""
    with contextlib.suppress(OSError):
        while client.recv(2**16):
            pass
