"""Processes that work side by side for one that started them, and end with it, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Self, TypeVar

from autograder.stack.parent import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import FrameType, TracebackType

P = ParamSpec("P")
T = TypeVar("T")

_AGAIN_S: Final = 0.1
_PATIENCE_S: Final = 30
"""How long a worker that was told to end may take to close what it has open: a stack on Docker takes a few seconds."""


class Workers:
    """So many processes, started when they are first needed: ``submit`` gives them work.

    They are new processes, not forks: who asks may have threads, and a fork would copy their locks. All end when the
    block does, and when the process that has it is killed. What is under way then is waited for, and what waits is not
    begun; when the block raises, what is under way is interrupted, and closes what it has open.
    """

    def __init__(self, processes: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, spawn, _begin, (os.getpid(),))

    def submit(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have one of them call this, which has to be a function of a module.

        The future raises what the call raises, and ``BrokenProcessPool`` when a worker died, as all later calls do.
        """
        return self._pool.submit(_work, call, *args, **kwargs)

    def end(self) -> None:
        """Interrupt what they do, and wait until they have closed what they had open."""
        processes = list((self._pool._processes or {}).values())  # as terminate_workers() of Python 3.14 does
        deadline = time.monotonic() + _PATIENCE_S
        while (alive := [one for one in processes if one.is_alive()]) and time.monotonic() < deadline:
            # Again: a signal that comes right before a call that waits is not seen until that call is interrupted.
            for process in alive:
                process.terminate()
            wait([process.sentinel for process in alive], _AGAIN_S)
        for process in processes:
            process.kill()
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._pool.shutdown(cancel_futures=True)
        else:
            self.end()


class _Ended(SystemExit):
    """Raised in a worker when it is told to end. Not an Exception, so that nothing catches it by accident."""


def _begin(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    signal.signal(signal.SIGTERM, _end)
    die_with_parent()
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)


def _end(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise _Ended(128 + number)


def _work(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return call(*args, **kwargs)
    except _Ended as ended:
        # The pool would take it for an answer and begin the next piece of work.
        os._exit(ended.code if isinstance(ended.code, int) else 1)
