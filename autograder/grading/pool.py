"""Worker processes that judge, survive what kills one of them, and end with the process that started them."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Final

from autograder.grading.judging import Judge, OursError

_DEATHS: Final = 3
"""A job whose processes died this often is given up."""
_PR_SET_PDEATHSIG: Final = 1

Verdicts = list[dict[str, Any]]


@dataclass
class Job:
    """A submission to judge. ``deaths`` counts the processes that died while it was under way."""

    lab: str
    files: Mapping[str, bytes]
    engine: str
    deaths: int = 0


def judge_all(jobs: Sequence[Job], processes: int, ask: Judge) -> Iterator[tuple[int, Verdicts | Exception]]:
    """Judge ``jobs`` in as many ``processes``; yield (index of the job, verdicts or what went wrong) as they come.

    When a process dies (out of memory, killed), nobody can tell which job it had: those that were under way are then
    tried again one at a time, so that only the guilty one is given up.
    """
    waiting = deque(range(len(jobs)))
    while waiting:
        suspects = deque(index for index in waiting if jobs[index].deaths)
        batch, window = (suspects, 1) if suspects else (waiting, 2 * processes)
        remaining = set(waiting)
        for index, result in _run(jobs, batch, window, processes, ask):
            if isinstance(result, BrokenProcessPool):
                jobs[index].deaths += 1
                if jobs[index].deaths < _DEATHS:
                    continue
                result = OursError("the process that judged it died each time", why="perhaps too little memory")
            remaining.discard(index)
            yield index, result
        waiting = deque(index for index in sorted(remaining))


def _run(
    jobs: Sequence[Job], batch: deque[int], window: int, processes: int, ask: Judge
) -> Iterator[tuple[int, Verdicts | Exception]]:
    """One pool's life: until the batch is done or a process died."""
    todo = deque(batch)
    running: dict[Future[Verdicts], int] = {}
    broken = False
    pool = ProcessPoolExecutor(
        min(processes, len(todo)),
        # Not fork: who grades has threads (nbgrader's, a server's), and a fork would copy their locks.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_end_with,
        initargs=(os.getpid(),),
    )
    try:
        while (todo and not broken) or running:
            while todo and not broken and len(running) < window:
                job = jobs[todo[0]]
                try:
                    running[pool.submit(ask, job.lab, job.files, job.engine)] = todo[0]
                except BrokenProcessPool:
                    broken = True
                else:
                    todo.popleft()
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                error = future.exception()
                broken = broken or isinstance(error, BrokenProcessPool)
                if isinstance(error, Exception):
                    yield running.pop(future), error
                else:
                    yield running.pop(future), future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _end_with(parent: int) -> None:
    """A worker ends when its parent does, however that ends; Ctrl-C is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
