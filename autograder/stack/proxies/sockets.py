"""Whom processes talk to, read from the kernel's tables. Runs on a node with nothing but the standard library."""

# On a node, importing pathlib would cost more than the work.
# ruff: noqa: PTH123

from __future__ import annotations

import contextlib
import os
import socket
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from autograder.stack.procfs import Process

_ESTABLISHED, _LISTEN = "01", "0A"


_Place = tuple[str, int]
_Socket = tuple[_Place, _Place, str]
"""A TCP socket: local and remote address and port, and its state as the kernel writes it."""


def talk(processes: Sequence[Process], workers: Sequence[Process], taking: Collection[int]) -> dict[str, Any]:
    """What :class:`~autograder.stack.proxies.proxy.RunTime` tells of processes, as JSON has it.

    ``processes`` are all of one program, the main one first, ``workers`` those that carry connections, ``taking`` the
    pids of those that take new ones. Returns ``workers``, ``listening`` and ``connections``.
    """
    if not processes:
        return {"workers": [], "listening": [], "connections": {}}
    sockets = _sockets(processes[0].pid)
    listeners = _unix_listeners(processes[0].pid)
    listening = {s[0] for p in processes for f in p.files if (s := sockets.get(f)) and s[2] == _LISTEN}
    doors = {port for _, port in listening}
    found, servers = [], Counter[str]()
    for process in workers:
        own = [s for f in process.files if (s := sockets.get(f)) and s[2] == _ESTABLISHED]
        found.append(
            {
                "pid": process.pid,
                "age_s": _age(process.pid),
                "draining": process.pid not in taking,
                "connections": len(own),
            }
        )
        servers.update(_spelled(*remote) for local, remote, _ in own if local[1] not in doors)
    unix = sorted({path for p in processes for f in p.files if (path := listeners.get(f))})
    return {
        "workers": found,
        "listening": [_spelled(*place) for place in sorted(listening)] + unix,
        "connections": dict(servers),
    }


def _spelled(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _age(pid: int) -> float:
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            started = int(file.read().rsplit(") ", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
        with open("/proc/uptime", encoding="utf-8") as file:
            return round(max(0.0, float(file.read().split()[0]) - started), 2)
    return 0.0


def _sockets(pid: int) -> dict[str, _Socket]:
    """The TCP sockets of the network that ``pid`` is in, by what a descriptor of theirs links to."""
    found = {}
    for table, family_ in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/net/{table}", encoding="utf-8") as file:
                for line in file.readlines()[1:]:
                    words = line.split()
                    place = (_address(words[1], family_), _address(words[2], family_), words[3])
                    found[f"socket:[{words[9]}]"] = place
    return found


def _address(text: str, family_: socket.AddressFamily) -> tuple[str, int]:
    """``0100007F:0050`` → (``127.0.0.1``, 80): the kernel writes each four bytes as one number of its own order."""
    digits, _, port = text.partition(":")
    packed = b"".join(bytes.fromhex(digits[n : n + 8])[::-1] for n in range(0, len(digits), 8))
    return socket.inet_ntop(family_, packed).removeprefix("::ffff:"), int(port, 16)


def _unix_listeners(pid: int) -> dict[str, str]:
    found = {}
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/net/unix", encoding="utf-8", errors="replace") as file:
            for line in file.readlines()[1:]:
                words = line.split()
                if len(words) == 8 and int(words[3], 16) & 0x10000:  # it accepts connections
                    found[f"socket:[{words[6]}]"] = f"unix:{words[7]}"
    return found
