"""A learner's program that runs on a balancer's machine, as its owner sees it: ask, stop, take the result."""

from __future__ import annotations

import json
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from autograder.stack.engine import EngineError
from autograder.stack.programs import Act, ProgramResult, plain, result_of, texts_of
from autograder.stack.warden.words import order_line

if TYPE_CHECKING:
    from types import TracebackType

    from autograder.stack.engine import Machines
    from autograder.stack.passing_on import PassingOn
    from autograder.stack.programs import Program

_STARTS_S = 60.0
_GRACE_S = 20.0
"""Seconds that a warden may need beyond its program's time, to end it and tell."""
_MOST_ACTS = 1_000
_WORD_KEPT, _ANSWER_KEPT = 500, 2_000


class RunningProgram:
    """A program that was started; made by :meth:`RunningStack.start_program`. Leaving its ``with`` stops it."""

    def __init__(self, program: Program, machines: Machines, passing_on: PassingOn) -> None:
        """Start it; returns when it runs. Raises :class:`EngineError` if it cannot be, as without what it needs."""
        self.program = program
        self._passing_on = passing_on
        self._messages: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._began = threading.Event()
        self._over = threading.Event()
        self._given: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
        self._wanting = threading.Lock()
        self._acts: list[Act] = []
        self._result: ProgramResult | None = None
        self._error: EngineError | None = None
        self._complaint = ""
        self._start = time.monotonic()
        self._warden = machines.supervise(program.where, program.job(), self._messages.put)
        self._thread = threading.Thread(target=self._listen, name=f"program-{program.argv[0]}", daemon=True)
        self._thread.start()
        try:
            self._warden.tell(order_line(program.order()))
            self._started()
        except BaseException:
            self._warden.end()
            raise

    def _started(self) -> None:
        if not self._began.wait(_STARTS_S):
            raise EngineError(f"{self.program.argv[0]} was not started within {_STARTS_S:.0f} s")
        if self._error is not None:
            raise self._error

    def poll(self) -> ProgramResult | None:
        """The result, or None while it runs. Raises :class:`EngineError` if the engine failed meanwhile."""
        return self.wait(0) if self._over.is_set() else None

    def wait(self, timeout: float | None = None) -> ProgramResult:
        """Wait until it has ended; it does, at its limit of time. Raises :class:`EngineError` after ``timeout`` s."""
        patience = self.program.limits.wall_s + _GRACE_S - (time.monotonic() - self._start)
        if not self._over.wait(max(0.0, patience) if timeout is None else timeout):
            if timeout is not None:
                raise EngineError(f"{self.program.argv[0]} still runs after {timeout:.0f} s")
            self._warden.end()  # starved or stopped by somebody, its warden did not keep the time
            self._over.wait(_GRACE_S)
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise EngineError(f"{self.program.argv[0]} could not be ended")
        return self._result

    def stop(self, grace: float = 1.0) -> ProgramResult:
        """Ask it to end (TERM), end it after ``grace`` seconds, and return the result. The result if it has ended."""
        if not self._over.is_set():
            self._warden.tell(order_line({"stop": grace}))
            if not self._over.wait(grace + _GRACE_S):
                self._warden.end()
        return self.wait()

    def output_so_far(self) -> tuple[str, str]:
        """What it wrote until now to stdout and stderr."""
        with self._wanting:
            if not self._over.is_set():
                self._warden.tell(order_line({"want": 1}))
                given = self._next_given()
                if given is not None:
                    return given["out"], given["err"]
        result = self.wait()
        return result.out, result.err

    def _next_given(self) -> dict[str, str] | None:
        while not self._over.is_set():
            try:
                return self._given.get(timeout=0.1)
            except queue.Empty:
                continue
        return None

    def acts(self) -> tuple[Act, ...]:
        """What it asked of the balancer until now."""
        return tuple(self._acts)

    def _listen(self) -> None:
        try:
            while (line := self._messages.get()) is not None:
                self._take(json.loads(line))
            if self._result is None and self._error is None:
                self._error_or_lost()
        except EngineError as error:
            self._error = error
        finally:
            self._over.set()
            self._began.set()

    def _take(self, told: dict[str, Any]) -> None:
        if "ask" in told:
            answer = self._do(told)
            self._warden.tell(order_line({"answer": told["ask"], "text": answer}))
        elif "given" in told:
            self._given.put(texts_of(told))
        elif "began" in told:
            self._began.set()
        elif "ended" in told:
            self._result = result_of(told, self._acts)
        elif "missing" in told:
            self._error = _missing(told["missing"])
        elif "complaint" in told:
            self._complaint = told["complaint"]

    def _do(self, told: dict[str, Any]) -> str:
        kind, word = str(told["kind"]), str(told["word"])
        answer = self._passing_on.do(kind, word)
        if len(self._acts) < _MOST_ACTS:
            at = round(float(told["at"]), 3)
            self._acts.append(Act(at, kind, plain(word[:_WORD_KEPT]), plain(answer[:_ANSWER_KEPT])))
        return answer

    def _error_or_lost(self) -> None:
        """Its warden said nothing at the end: before the program began it is our fault, later it is the program's."""
        if not self._began.is_set():
            self._error = EngineError("a program could not be started", why=self._complaint.strip()[-2000:])
            return
        seconds = round(time.monotonic() - self._start, 3)
        self._result = ProgramResult(137, "", "", "lost", seconds, 0.0, 0.0, acts=tuple(self._acts))

    def close(self) -> None:
        """End it at once, if it runs."""
        if not self._over.is_set():
            self._warden.end()
            self._over.wait(_GRACE_S)

    def __enter__(self) -> Self:
        """The program itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, whatever happened."""
        self.close()


def _missing(names: list[str]) -> EngineError:
    words = " and ".join(names)
    return EngineError(
        f"{words} cannot be run on the balancer's machine",
        why="it shows a program what this machine (or, on Docker, the nodes' image) has in /usr",
        remedy=f"install it: sudo apt-get install {' '.join(names)}",
    )
