"""Ending when told to: TERM and HUP unwind, as Ctrl-C does, so that whatever was opened is closed."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


class Told(KeyboardInterrupt):
    """Somebody told this process to end. ``exit_code`` is 128 and the signal's number, as shells have it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


class Ending:
    """What TERM and HUP do: they raise :class:`Told` in the main thread, unless ``leave`` takes care of them.

    ``exit_code`` is 0 until one came.
    """

    exit_code = 0

    def __init__(self) -> None:
        self.leave: Callable[[], bool] = lambda: False

    def told(self, number: int, _frame: FrameType | None) -> None:
        """Answer the first of them; the later ones wait for the tidying up."""
        for which in _before():
            signal.signal(which, signal.SIG_IGN)
        if number == signal.SIGHUP:
            _write_to_nobody()
        told = Told(number)
        self.exit_code = told.exit_code
        if not self.leave():
            raise told


@contextmanager
def unwinding() -> Iterator[Ending]:
    """Unwind this block when the process is told to end.

    Only the main thread can be told (``signal.signal``); in another one this changes nothing. What whoever started us
    had ignored, as nohup(1) does, stays ignored.
    """
    ending = Ending()
    before = _before() if threading.current_thread() is threading.main_thread() else {}
    for which in before:
        signal.signal(which, ending.told)
    try:
        yield ending
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def _before() -> dict[signal.Signals, signal._HANDLER]:
    handlers = {which: signal.getsignal(which) for which in (signal.SIGTERM, signal.SIGHUP)}
    return {which: handler for which, handler in handlers.items() if handler is not signal.SIG_IGN}


def _write_to_nobody() -> None:
    """The terminal is gone: whoever still writes to it must neither fail nor wait."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
