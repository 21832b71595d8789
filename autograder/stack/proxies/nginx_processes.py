"""What nginx's processes do: which config they loaded, how old they are, whom they are connected to.

Runs on a node with nothing but the standard library.
"""

# On a node, importing pathlib would cost more than the work.
# ruff: noqa: PTH119, PTH120, PTH123, PTH208

from __future__ import annotations

import contextlib
import os
import socket
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from autograder.stack.procfs import family, wait_until
from autograder.stack.proxies.proxy import Loaded, Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autograder.stack.procfs import Process

MARKER = "/run/manyhands/loaded-"
_WORKER = "nginx: worker process"
_DRAINING = "shutting down"
_ESTABLISHED, _LISTEN = "01", "0A"


def serving(processes: Sequence[Process]) -> list[Process]:
    """Of a master and its workers (the master first), those that take connections.

    That is the workers that are not draining, or the only process under ``master_process off``.
    """
    workers = [p for p in processes if p.title.startswith(_WORKER)]
    if workers or not processes:
        return [p for p in workers if _DRAINING not in p.title]
    # A master that is only starting has its sockets and its marker, too, but no event loop.
    return [p for p in processes[:1] if "anon_inode:[eventpoll]" in p.files]


def state(payload: dict[str, Any]) -> dict[str, Any]:
    """Runs on the node: what the workers of the master ``pid`` have loaded; waits for ``word`` if one is given.

    nginx writes about a reload that failed where its errors go, and the markers are among those places.
    """
    pid, word = payload["pid"], payload["word"]
    folder = f"/proc/{pid}/root{os.path.dirname(MARKER)}"
    own = _own_pid(pid)

    def look() -> Loaded:
        processes = family(pid)
        workers = [p for p in processes if p.title.startswith(_WORKER)]
        taking = serving(processes)
        markers = {
            file.removesuffix(" (deleted)").rpartition(MARKER)[2]
            for process in taking
            for file in process.files
            if MARKER in file
        }
        draining = sum(_DRAINING in p.title for p in workers)
        said = "".join(_complaints(folder, own)) if word and tuple(markers) != (word,) else ""
        return Loaded(up=bool(processes), markers=tuple(sorted(markers)), draining=draining, said=said)

    def decided() -> Loaded | None:
        now = look()
        # While it tries to bind again it has not given up.
        refused = now.said and ("still could not bind" in now.said or "bind()" not in now.said)
        return now if not now.up or refused or now.markers == (word,) else None

    waited = wait_until(decided, payload["timeout"]) if word else None
    state = waited or look()
    if word:
        _forget(folder)
    return asdict(state)


def _complaints(folder: str, pid: int) -> Iterator[str]:
    """What the process that calls itself ``pid`` wrote as emergencies; those of workers tell nothing about a reload."""
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(folder)):
            if name.startswith(os.path.basename(MARKER)):
                with open(f"{folder}/{name}", encoding="utf-8", errors="replace") as file:
                    yield from (line for line in file if f"[emerg] {pid}#" in line)


def _own_pid(pid: int) -> int:
    """What a process in a pid namespace of its own calls itself."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith("NSpid:"):
                    return int(line.split()[-1])
    return pid


def _forget(folder: str) -> None:
    """Empty the markers, so that the next wait reads only what is said from now on."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(os.path.basename(MARKER)):
                os.truncate(f"{folder}/{name}", 0)


@dataclass(frozen=True)
class _Socket:
    """A TCP socket: local and remote address and port, and its state as the kernel writes it."""

    local: tuple[str, int]
    remote: tuple[str, int]
    state: str


def runtime(payload: dict[str, Any]) -> dict[str, Any]:
    """Runs on the node: ``workers``, ``listening`` and ``connections`` of the program whose main process is ``pid``."""
    pid = payload["pid"]
    processes = family(pid)
    taking = {process.pid for process in serving(processes)}
    sockets = _sockets(pid)
    listening = {s.local for p in processes for f in p.files if (s := sockets.get(f)) and s.state == _LISTEN}
    doors = {port for _, port in listening}
    workers, servers = [], Counter[str]()
    # The master holds listening sockets only; under `master_process off` it is the worker.
    for process in processes if len(processes) == 1 else processes[1:]:
        own = [s for f in process.files if (s := sockets.get(f)) and s.state == _ESTABLISHED]
        workers.append(Worker(process.pid, _age(process.pid), process.pid not in taking, len(own)))
        servers.update(_spelled(*s.remote) for s in own if s.local[1] not in doors)
    unix = sorted({path for p in processes for f in p.files if (path := _unix_listeners(pid).get(f))})
    return {
        "workers": [asdict(worker) for worker in workers],
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
                    place = _Socket(_address(words[1], family_), _address(words[2], family_), words[3])
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
