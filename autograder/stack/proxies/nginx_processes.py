"""What nginx's processes do: which config they loaded, which of them take connections.

Runs on a node with nothing but the standard library. Every call is a process of its own, so little is imported here.
"""

# On a node, importing pathlib would cost more than the work.
# ruff: noqa: PTH119, PTH120, PTH123, PTH208

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from autograder.stack.procfs import family, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autograder.stack.procfs import Process

MARKER = "/run/manyhands/loaded-"
_WORKER = "nginx: worker process"
_DRAINING = "shutting down"


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

    def look() -> dict[str, Any]:
        processes = family(pid, accepting=False)
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
        return {"up": bool(processes), "markers": sorted(markers), "draining": draining, "said": said}

    def decided() -> dict[str, Any] | None:
        now = look()
        # While it tries to bind again it has not given up.
        refused = now["said"] and ("still could not bind" in now["said"] or "bind()" not in now["said"])
        return now if not now["up"] or refused or now["markers"] == [word] else None

    waited = wait_until(decided, payload["timeout"]) if word else None
    found: dict[str, Any] = waited or look()
    if word:
        _forget(folder)
    return found


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


def runtime(payload: dict[str, Any]) -> dict[str, Any]:
    """Runs on the node: ``workers``, ``listening`` and ``connections`` of the program whose main process is ``pid``."""
    from autograder.stack.proxies.sockets import talk  # every call is a fork that would pay for it

    processes = family(payload["pid"])
    taking = {process.pid for process in serving(processes)}
    # The master holds listening sockets only; under `master_process off` it is the worker.
    return talk(processes, processes if len(processes) == 1 else processes[1:], taking)
