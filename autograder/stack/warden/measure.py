"""How much a program uses, over all its processes: read from ``/proc`` of its own pid namespace."""

# On a node, importing pathlib would cost more than the work.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import os
import resource

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_KIB = 1024
_THREADS, _RSS, _TIMES = 17, 21, slice(11, 15)
"""Fields of ``/proc/<pid>/stat`` after the name (proc_pid_stat(5)): own and reaped children's times are four."""


class Use:
    """What is used now, and the most that was."""

    def __init__(self) -> None:
        self.processes = 0
        """Threads count, too, as the kernel's own limit does; so do those that ended and were not asked about."""
        self.cpu_seconds = 0.0
        self.memory = 0
        self.peak_memory = 0

    def look(self, enough: int, most: int) -> None:
        """Measure. ``enough`` are bytes of memory below which pages shared by several need not be told apart.

        Where there are more than ``most`` processes, nothing else is looked at: each moment brings more.
        """
        running: list[str] = []
        threads = ticks = pages = 0
        pids = [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]
        self.processes = len(pids)
        if self.processes > most:
            return
        for pid in pids:
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(") ")[2].split()
                threads += max(1, int(fields[_THREADS]))
                ticks += sum(int(field) for field in fields[_TIMES])
                pages += int(fields[_RSS])
                running.append(pid)
            except (OSError, IndexError, ValueError):
                continue  # it ended meanwhile
        self.processes = threads
        self.cpu_seconds = max(self.cpu_seconds, ticks / _TICKS + _reaped_seconds())
        self.memory = pages * _PAGE
        if self.memory > enough:
            self.memory = sum(map(_own_share, running))
        self.peak_memory = max(self.peak_memory, self.memory)

    def settle(self) -> None:
        """Every process is gone: what they used in all, and the most that one of them ever had."""
        self.cpu_seconds = max(self.cpu_seconds, _reaped_seconds())
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _KIB
        self.peak_memory = max(self.peak_memory, largest)


def _own_share(pid: str) -> int:
    """Bytes of memory of a process, of what it shares with others only its part."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * _KIB
    except OSError:
        pass
    try:  # it does not let anybody look, so all of it is its own
        with open(f"/proc/{pid}/statm", encoding="utf-8") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _reaped_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def disk_full(folders: tuple[str, ...], most_files: int) -> bool:
    """Whether one of the folders, each a file system of limited size, has no room left or too many files."""
    for folder in folders:
        room = os.statvfs(folder)
        if room.f_blocks and (room.f_bavail == 0 or room.f_files - room.f_ffree > most_files):
            return True
    return False
