"""Worker processes that judge, survive what kills one of them, and end with the process that started them."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Final

from autograder.grading.judging import Judge, OursError, Task, Verdicts
from autograder.stack.workers import Workers

_DEATHS: Final = 3
"""A task whose processes died this often is given up."""

_A_PROCESSOR: Final = 3
"""Judging processes for each processor: a verdict mostly waits for servers that are as slow as servers are. More were
faster by little, and the less each stack gets of a processor, the less its traffic is what the check means."""
_AHEAD: Final = 5
"""Tasks in memory for each process. Whoever takes the results writes grades meanwhile, and first loads nbgrader, which
takes seconds: as long nobody may run out of work. A submission has some kilobytes, a few hundred at the most."""

Result = tuple[int, Verdicts | Exception]
"""The number of a task, and its verdicts or what went wrong."""


def enough() -> int:
    """How many judging processes this machine is given unless somebody says otherwise."""
    return _A_PROCESSOR * len(os.sched_getaffinity(0))


def judge_all(count: int, load: Callable[[int], Task], processes: int, ask: Judge) -> Iterator[Result]:
    """Judge the tasks 0 … ``count`` - 1 in as many ``processes``; yields results as they come.

    ``load`` makes a task when its turn comes, so that only a few are in memory; what it raises is that task's result.

    When a process dies (out of memory, killed), nobody can tell which task it had: those that were under way are then
    tried again one at a time, so that only the guilty one is given up.
    """
    deaths: Counter[int] = Counter()
    waiting: deque[int] = deque(range(count))
    while waiting:
        suspects = deque(index for index in waiting if deaths[index])
        batch, window = (suspects, 1) if suspects else (waiting, _AHEAD * processes)
        remaining = set(waiting)
        for index, result in _run(load, batch, window, processes, ask):
            if isinstance(result, BrokenProcessPool):
                deaths[index] += 1
                if deaths[index] < _DEATHS:
                    continue
                result = OursError("the process that judged it died each time", why="perhaps too little memory")
            remaining.discard(index)
            yield index, result
        waiting = deque(sorted(remaining))


def _run(load: Callable[[int], Task], batch: deque[int], window: int, processes: int, ask: Judge) -> Iterator[Result]:
    """One pool's life: until the batch is done or a process died."""
    todo = deque(batch)
    running: dict[Future[Verdicts], int] = {}
    broken = False
    with Workers(min(processes, len(todo))) as workers:
        while (todo and not broken) or running:
            while todo and not broken and len(running) < window:
                try:
                    task = load(todo[0])
                except Exception as error:  # whatever is wrong with this one, it stops nobody else
                    yield todo.popleft(), error
                    continue
                try:
                    running[workers.submit(ask, task)] = todo[0]
                except BrokenProcessPool:
                    broken = True
                else:
                    todo.popleft()
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=running.__getitem__):  # a set: its own order is by chance
                wrong = future.exception()
                broken = broken or isinstance(wrong, BrokenProcessPool)
                if wrong is None:
                    yield running.pop(future), future.result()
                else:
                    yield running.pop(future), wrong if isinstance(wrong, Exception) else OursError(repr(wrong))
        if broken:
            workers.end()
