"""What HAProxy's processes do: the master's and the worker's answers to commands, and which of them take connections.

Runs on a node with nothing but the standard library. Every call is a process of its own, so little is imported here.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from autograder.stack.procfs import family, wait_until

if TYPE_CHECKING:
    from autograder.stack.procfs import Process

MASTER = "/run/manyhands/master.sock"
RUNTIME = "/run/manyhands/runtime.sock"
VARIABLE = "MANYHANDS_CONFIG"
_PATIENCE_S = 30.0
"""A reload looks up every name; one that nobody answers takes seconds."""
_SERVERS = "show stat -1 4 -1"
"""Statistics of all proxies, of servers only (management guide 9.3)."""


def master_says(payload: dict[str, Any]) -> str:
    """Runs on the node: one command to the master CLI of the process ``pid``; its answer, empty if nobody is there."""
    return _ask(payload["pid"], MASTER, payload["ask"])


def worker_says(payload: dict[str, Any]) -> str:
    """Runs on the node: one command to the Runtime API of the process ``pid``; its answer, empty if nobody is there."""
    return _ask(payload["pid"], RUNTIME, payload["ask"])


def state(payload: dict[str, Any]) -> dict[str, Any]:
    """Runs on the node: the marker of the worker that answers, once only it accepts connections if one is asked for."""
    pid, word = payload["pid"], payload["word"]

    def look() -> dict[str, Any]:
        processes = family(pid)
        answer = _ask(pid, RUNTIME, f"show env {VARIABLE}")
        markers = [line.partition("=")[2].strip() for line in answer.splitlines() if line.startswith(f"{VARIABLE}=")]
        workers = _workers(pid, processes)
        accepting = [p for p in workers if p.accepting]
        # While an old worker still accepts, more than one config serves: say so with a marker that is no config's.
        mixed = ["(old workers)"] if len(accepting) > 1 else []
        return {"up": bool(processes), "markers": markers + mixed, "draining": len(workers) - len(accepting)}

    def reached() -> dict[str, Any] | None:
        now = look()
        # A master that has only just forked its worker does not hear signals and commands yet: they would be lost.
        return now if not now["up"] or (now["markers"] == [word] and _hears(pid)) else None

    waited: dict[str, Any] | None = wait_until(reached, payload["timeout"]) if word else None
    return waited or look()


def runtime(payload: dict[str, Any]) -> dict[str, Any]:
    """Runs on the node: what :class:`~autograder.stack.proxies.proxy.RunTime` tells of the process ``pid``."""
    import csv

    from autograder.stack.proxies.sockets import talk

    pid = payload["pid"]
    processes = family(pid)
    workers = _workers(pid, processes)
    told = talk(processes, workers, {process.pid for process in workers if process.accepting})
    facts = dict(line.partition(": ")[::2] for line in _ask(pid, RUNTIME, "show info").splitlines())
    rows = csv.DictReader(_ask(pid, RUNTIME, _SERVERS).removeprefix("# ").splitlines())
    return {
        **told,
        "version": facts.get("Version", "").partition("-")[0],
        "servers": [_server(row) for row in rows if row.get("svname")],
    }


def _workers(pid: int, processes: list[Process]) -> list[Process]:
    """The master's children that are HAProxy, too; a config may have it run other programs (``program``)."""
    title = next((process.title for process in processes if process.pid == pid), "").partition(" ")[0]
    return [process for process in processes if process.parent == pid and process.title.partition(" ")[0] == title]


def _server(row: dict[str, str]) -> dict[str, Any]:
    return {
        "pool": row["pxname"],
        "name": row["svname"],
        "address": row.get("addr", ""),
        "status": row["status"],
        "weight": float(row["weight"] or 0),
        "sessions": int(row["scur"] or 0),
        "check": row.get("check_status", "").removeprefix("* "),  # the star: another check is under way
    }


def _hears(pid: int) -> bool:
    """Whether the master answers commands. It keeps the connection open, so one answer is enough."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE_S)
            connection.connect(f"/proc/{pid}/root{MASTER}")
            connection.sendall(b"show version\n")
            return bool(connection.recv(64))
    except OSError:
        return False


def _ask(pid: int, path: str, command: str) -> str:
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE_S)
            connection.connect(f"/proc/{pid}/root{path}")
            connection.sendall(command.encode() + b"\n")
            while data := connection.recv(65536):
                answer += data
    except OSError:
        pass  # nobody listens there (yet): an empty answer says so
    return answer.decode(errors="replace")
