"""Ports on loopback: is one free, which is the next free one, and who holds one."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from autograder.errors import ManyHandsError
from autograder.launch import desk

LOOPBACK = "127.0.0.1"


def listen_address() -> str:
    """Where the site and JupyterLab listen: on loopback, for this machine only.

    In the desk, on every address of the container: Docker publishes the port, and on the machine's loopback only.
    """
    return "0.0.0.0" if desk.inside() else LOOPBACK


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def choose(asked: int | None, usual: int, option: str, avoid: int | None = None) -> int:
    """The port to use: the asked one, or the usual one, or the next free one after it.

    Raises :class:`ManyHandsError`, naming the process that holds it where it can be known, when ``asked`` is taken.
    """
    if asked is not None:
        if asked == avoid:
            raise ManyHandsError(
                f"port {asked} cannot serve both the site and JupyterLab", remedy=f"give {option} another port"
            )
        if not is_free(asked):
            raise taken(asked, option)
        return asked
    for port in range(usual, usual + 100):
        if port != avoid and is_free(port):
            return port
    raise taken(usual, option)


def taken(port: int, option: str) -> ManyHandsError:
    """The error that says a port is taken, and by whom."""
    if port < _first_unprivileged() and os.geteuid() != 0:
        return ManyHandsError(
            f"port {port} is kept for root",
            where=LOOPBACK,
            why=f"ordinary users may listen from port {_first_unprivileged()} upwards",
            remedy=f"choose a higher one: {option} N",
        )
    return ManyHandsError(
        f"port {port} is taken",
        where=f"{LOOPBACK}:{port}",
        why=holder(port) or "by a process this user may not see",
        remedy=f"end that process, or choose another port: {option} N (without {option}, a free one is found)",
    )


def holder(port: int) -> str:
    """Who listens on this port, as ``by pid 123: python -m http.server``; empty when it cannot be known."""
    inodes = _listening(port)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            links = {str(handle.readlink()) for handle in (entry / "fd").iterdir()}
            if not links.isdisjoint(f"socket:[{inode}]" for inode in inodes):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f"by pid {entry.name}: {command[:120]}"
        except OSError:  # it ended meanwhile, or belongs to someone else
            continue
    return ""


def _listening(port: int) -> set[str]:
    """Inodes of the sockets that listen on this port (state 0A), from ``/proc/net/tcp`` and ``tcp6``."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _first_unprivileged() -> int:
    return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
