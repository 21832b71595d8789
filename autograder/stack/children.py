"""Child processes of a keeper: forks that run our own functions, and what is needed to follow any of them.

Runs inside a stack's namespaces with nothing but the standard library.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import traceback
from typing import TYPE_CHECKING

from autograder.stack import loop as event_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_OUTPUT_KEPT = 64 * 1024
_FILE_LIMIT = 64 * 1024 * 1024
_DATA_LIMIT = 1 << 30


def fork(run: Callable[[], None]) -> int:
    """Run a function in a child; returns its pid. The child ends with 0, or with 1 and a traceback."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        run()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def fork_for_ever(
    work: Callable[[int], Coroutine[object, object, None]], output: int, before: Callable[[], None] | None = None
) -> tuple[int, int]:
    """Run a coroutine in a child that writes to ``output``. Returns its pid, and a descriptor for :func:`told`.

    ``work`` takes the descriptor on which it tells that it is ready; ``before`` is called first in the child.
    """
    ready, telling = os.pipe()

    def run() -> None:
        if before is not None:
            before()
        os.dup2(output, 1)
        os.dup2(output, 2)
        close_all_but(0, 1, 2, telling)
        event_loop.run(work(telling))

    pid = fork(run)
    os.close(telling)
    return pid, ready


def close_all_but(*keep: int) -> None:
    """Close every other descriptor of this process."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in keep:
            with contextlib.suppress(OSError):
                os.close(int(name))


def limit() -> None:
    """Limits of every program that a stack runs: no core files, files of at most 64 MiB, 1 GiB of memory a process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_LIMIT, _FILE_LIMIT))
    # Not the address space: some programs reserve much of it and use little.
    resource.setrlimit(resource.RLIMIT_DATA, (_DATA_LIMIT, _DATA_LIMIT))


def content(descriptor: int) -> str:
    """What a program wrote to a file in memory, cut at 64 KiB."""
    return os.pread(descriptor, _OUTPUT_KEPT, 0).decode(errors="replace")


async def told(descriptor: int, end: bytes) -> bytes:
    """Read until the writer has said ``end``, and close; empty if it closed without."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    text = b""
    try:
        while end not in text:
            await readable.wait()
            readable.clear()
            data = os.read(descriptor, 4096)
            if not data:
                return b""
            text += data
        return text
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
