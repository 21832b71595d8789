"""A process that removes another one's stacks from Docker when that was killed: ``python -m … PID``.

Nobody can answer SIGKILL, but the kernel closes a pipe however the process that holds it ends. So whoever has stacks
on Docker keeps one reaper, and tells it through a pipe of each stack that comes and goes.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading

_COMES, _GOES = b"+", b"-"
_OWNER_S = 60.0
"""A process whose pipe is closed is about to end, unless a fork of it goes on: then the stacks are still needed."""

_lock = threading.Lock()
_pipes: dict[int, int] = {}
"""By the pid of the owner, which a fork is not: the end of the pipe that its reaper listens to."""


def stack_comes() -> None:
    """To be called before the first part of a stack is made."""
    with _lock:
        if os.getpid() not in _pipes:
            _pipes[os.getpid()] = _start()
    _tell(_COMES)


def stack_goes() -> None:
    """To be called when nothing of a stack is left."""
    _tell(_GOES)


def _tell(word: bytes) -> None:
    # Somebody may have ended the reaper: then whoever opens the next stack removes what is left. And a fork has none.
    with contextlib.suppress(BrokenPipeError, KeyError):
        os.write(_pipes[os.getpid()], word)


def _start() -> int:
    listens, tells = os.pipe()
    try:
        # In a session of its own: Ctrl-C is for its owner.
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-P", "-m", __name__, str(os.getpid())],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, listens, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
    finally:
        os.close(listens)
    return tells


def main(owner: int) -> None:
    """Listen until the owner has ended, then remove what it has left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the pipe is the one thing that ends this process
    handle = os.pidfd_open(owner) if os.getppid() == owner else None
    stacks = 0
    while heard := os.read(0, 4096):
        stacks += heard.count(_COMES) - heard.count(_GOES)
    if stacks and (handle is None or select.select([handle], [], [], _OWNER_S)[0]):
        from autograder.stack.docker_daemon import connect
        from autograder.stack.docker_owner import remove_strays

        remove_strays(connect())


if __name__ == "__main__":
    main(int(sys.argv[1]))
