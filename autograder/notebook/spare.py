"""A stack that is started before it is asked for, so that a check need not wait for it.

It is as fresh as any: its servers are up, no balancer has run, nobody has sent it a request, and it is used once.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from autograder.stack.engine import EngineError
from autograder.stack.running import RunningStack, open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from autograder.stack.model import Stack

KEPT_S = 600.0
"""After so long without a check it is taken down: it holds memory that others may want."""


class Spare:
    """At most one stack of a lab, kept ready from :meth:`prepare` on. Safe to use from several threads."""

    def __init__(self, stack: Stack, engine: str, kept_s: float = KEPT_S) -> None:
        self._stack, self._engine, self._kept_s = stack, engine, kept_s
        self._lock = threading.Lock()
        self._ahead: _Ahead | None = None
        self._closed = False

    @property
    def ready(self) -> bool:
        """Whether one is up."""
        with self._lock:
            return self._ahead is not None and self._ahead.stack.done()

    def prepare(self) -> None:
        """Have one started, unless there is one or one is on its way. Returns at once. No-op after :meth:`close`."""
        with self._lock:
            if self._ahead is None and not self._closed:
                self._ahead = _Ahead()
                job = (self._ahead,)
                self._ahead.thread = threading.Thread(target=self._keep, args=job, name="spare-stack", daemon=True)
                self._ahead.thread.start()

    def take(self, stack: Stack, engine: str) -> RunningStack:
        """The one that is ready, or on its way; else another. It is the caller's to close.

        Where one was prepared, the next is from now on: who checks once often does so again, and it starts while this
        one is used.

        Raises:
            EngineError: none can be started here.
        """
        ahead = self._let_go() if stack is self._stack and engine == self._engine else None
        if ahead is not None:
            self.prepare()
            try:
                running = ahead.stack.result()
            except EngineError:
                return open_stack(stack, engine)
            if _well(running):
                return running
            running.close()
        return open_stack(stack, engine)

    def close(self) -> None:
        """Take it down, and prepare none any more. Safe to call twice."""
        with self._lock:
            self._closed = True
        ahead = self._let_go()
        if ahead is not None and ahead.stack.exception() is None:
            ahead.stack.result().close()

    def _let_go(self) -> _Ahead | None:
        """The stack is somebody else's from now on."""
        with self._lock:
            ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.wanted.set()
            ahead.thread.join()
        return ahead

    def _keep(self, ahead: _Ahead) -> None:
        try:
            running = open_stack(self._stack, self._engine)
            with contextlib.suppress(EngineError):  # whoever takes it looks whether it is well
                send(running, population("few"), ())  # nothing: but who will send has loaded what that takes
            ahead.stack.set_result(running)
        except Exception as error:  # whoever asks for a stack hears of it when they start their own
            ahead.stack.set_exception(error if isinstance(error, EngineError) else EngineError(str(error)))
        if ahead.wanted.wait(self._kept_s):
            return
        with self._lock:
            mine = self._ahead is ahead
            if mine:
                self._ahead = None
        if mine and ahead.stack.exception() is None:
            ahead.stack.result().close()


class _Ahead:
    """One stack on its way."""

    def __init__(self) -> None:
        self.stack: Future[RunningStack] = Future()
        self.wanted = threading.Event()
        self.thread = threading.Thread()


def _well(running: RunningStack) -> bool:
    """Whether a stack that waited is as it was: a machine may have slept, or run out of memory, meanwhile."""
    try:
        return all(state.up and state.starts == 1 for state in running.servers().values())
    except EngineError:
        return False
