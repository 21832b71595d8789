"""Several configs in one call: side by side on all processors, told in order, and none keeps another from its turn."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.inspect.inspection import inspect
from autograder.inspect.report import Inspection
from autograder.judge.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from autograder.inspect.config import Reader
    from autograder.inspect.inspection import Wishes

    Say = Callable[[str], None]


class _StoppedError(BaseException):
    """Somebody pressed Ctrl-C, so that what is under way must end. No ``except Exception`` may keep it."""


def inspect_all(names: Sequence[str], reader: Reader, wishes: Wishes, say: Say | None = None) -> Iterator[Inspection]:
    """Inspect all configs; yield what was found in the order of ``names``.

    ``say`` is told what is being measured, by several threads. One that cannot be inspected is one with ``trouble``.
    """
    if wishes.static:
        # Reading is work of this process alone: threads would wait for each other.
        yield from (_tried(name, reader, wishes, None) for name in names)
        return
    stop = threading.Event()

    def tell(line: str) -> None:
        if stop.is_set():
            raise _StoppedError
        if say is not None:
            say(line)

    def one(name: str) -> Inspection:
        if stop.is_set():  # between the stop and the end of the pool a thread may take one more
            raise _StoppedError
        return _tried(name, reader, wishes, tell)

    pool = ThreadPoolExecutor(min(len(names), side_by_side()), "inspect")
    try:
        for future in [pool.submit(one, name) for name in names]:
            yield future.result()
    finally:
        # A twin lives in its thread: each ends its own before the next run, and nothing is left behind.
        stop.set()
        pool.shutdown(cancel_futures=True)


def side_by_side() -> int:
    """How many inspections run at once: each waits, for its balancer or for its traffic, for half of its time."""
    return len(os.sched_getaffinity(0)) + 1


def _tried(name: str, reader: Reader, wishes: Wishes, say: Say | None) -> Inspection:
    try:
        return inspect(reader.read(name), wishes, say)
    except ManyHandsError as error:
        return Inspection(name, "", Spread.UNDECIDED, trouble=str(error))
    except Exception as error:  # the other configs' reports are worth more than this one's traceback
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        said += f"\n  next  ./manyhands inspect {name} shows the whole of it: a fault of ours, please report it"
        return Inspection(name, "", Spread.UNDECIDED, trouble=said)
