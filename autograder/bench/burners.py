"""Something else to do for every processor: what a grading machine suffers, on purpose."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BURN = """
import os, sys
parent = int(sys.argv[1])
while os.getppid() == parent:  # it ends with who started it, however that ends
    sum(range(100_000))
"""


@contextmanager
def burning(number: int = 0) -> Iterator[int]:
    """Keep ``number`` processors busy (0: all that we may use) with processes of their own; they are always ended."""
    count = number or len(os.sched_getaffinity(0))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            processes.append(subprocess.Popen([sys.executable, "-I", "-S", "-c", _BURN, str(os.getpid())]))
        yield count
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
