"""A guard in a process of its own, which is killed by a real SIGKILL. The balancers stay here: it asks over a pipe."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.errors import ManyHandsError
from autograder.guard.guardian import Guard, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from multiprocessing.connection import Connection

    from autograder.guard.balancer import Balancer, Expected
    from autograder.guard.counts import Window
    from autograder.guard.settings import Settings
    from autograder.guard.state import Step

_OVER = "over"
_ENDED = {"kept": "kept", "refused": "refused", "held": "held", "reverted": "reverted", "good-is-bad": "good-is-bad"}


@dataclass(frozen=True)
class Blow:
    """Where a guard is killed: so many seconds after a step was ``begun`` or ``done``."""

    step: Step
    phase: str
    after_s: float = 0.0

    def __str__(self) -> str:
        """As in a report."""
        return f"{self.step} {self.phase}" + (f" +{self.after_s:.2f} s" if self.after_s else "")


def guarded_apart(
    settings: Settings, balancers: Sequence[Balancer], blows: Sequence[Blow]
) -> tuple[Outcome | None, tuple[Blow, ...]]:
    """Have a guard take in the branch; each time it is killed, another one takes up what it left.

    What became of the change, and the blows that fell. Raises :class:`ManyHandsError` if a guard ended by itself.
    """
    fell: list[Blow] = []
    for number, blow in enumerate((*blows, None)):
        code, outcome = _one_guard(settings, balancers, blow, first=not number)
        if code != -signal.SIGKILL:
            if code:
                raise ManyHandsError(f"a guard ended with {code}", why=", ".join(map(str, fell)))
            return outcome, tuple(fell)
        assert blow is not None
        fell.append(blow)
    return None, tuple(fell)


def _one_guard(
    settings: Settings, balancers: Sequence[Balancer], blow: Blow | None, *, first: bool
) -> tuple[int, Outcome | None]:
    """One guard's exit code, and what it said at its end."""
    method = multiprocessing.get_context("spawn")
    here, there = method.Pipe()
    names = [(one.name, one.proxy) for one in balancers]
    process = method.Process(target=_guard, args=(there, names, settings, blow, first))
    process.start()
    there.close()  # so that its end shows here
    with here:
        outcome = _answer(here, {one.name: one for one in balancers})
    process.join()
    code = process.exitcode or 0
    process.close()
    return code, outcome


def _answer(pipe: Connection, balancers: Mapping[str, Balancer]) -> Outcome | None:
    """Do what the guard asks of balancers, to its end. What was begun when it is killed is done, as balancers do."""
    while True:
        try:
            name, method, words = pipe.recv()
        except (EOFError, ConnectionError):
            return None
        if name == _OVER:
            outcome: Outcome | None = words
            return outcome
        try:
            answer = (True, getattr(balancers[name], method)(*words))
        except ManyHandsError as error:
            answer = (False, error)
        with contextlib.suppress(ConnectionError):
            pipe.send(answer)


def _guard(
    pipe: Connection, names: Sequence[tuple[str, str]], settings: Settings, blow: Blow | None, first: bool
) -> None:
    """The guard's process."""

    def kill(step: Step, phase: str) -> None:
        if blow is None or (step, phase) != (blow.step, blow.phase):
            return
        if not blow.after_s:
            _end()
        threading.Timer(blow.after_s, _end).start()

    with Guard(settings, [_Far(pipe, *one) for one in names], on_step=kill) as guard:
        outcome = guard.apply("main") if first else _finished(guard)
    pipe.send((_OVER, "", outcome))


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _finished(guard: Guard) -> Outcome | None:
    """Finish what another one left; where that was all done, what the log says; where nothing was begun, begin."""
    if outcome := guard.resume():
        return outcome
    told = [one for one in guard.desk.audit.events() if one.kind in _ENDED]
    if not told:
        return guard.apply("main")
    last = told[-1]
    return Outcome(
        str(last.data.get("ended", "")).replace("recovered", "") or _ENDED[last.kind], last.change, last.said
    )


class _Far:
    """See :class:`autograder.guard.balancer.Balancer`: one that another process has."""

    def __init__(self, pipe: Connection, name: str, proxy: str) -> None:
        self._pipe, self.name, self.proxy = pipe, name, proxy

    def _ask(self, method: str, *words: Any) -> Any:
        self._pipe.send((self.name, method, words))
        well, answer = self._pipe.recv()
        if not well:
            raise answer
        return answer

    def check(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """See :class:`Balancer`."""
        return tuple(self._ask("check", dict(files)))

    def installed(self, names: Collection[str]) -> Mapping[str, bytes]:
        """See :class:`Balancer`."""
        return dict(self._ask("installed", tuple(names)))

    def load(self, files: Mapping[str, bytes], gone: Collection[str]) -> None:
        """See :class:`Balancer`."""
        self._ask("load", dict(files), tuple(gone))

    def runs(self, files: Mapping[str, bytes]) -> bool:
        """See :class:`Balancer`."""
        return bool(self._ask("runs", dict(files)))

    def counts(self) -> Window:
        """See :class:`Balancer`."""
        window: Window = self._ask("counts")
        return window

    def clear(self) -> tuple[str, ...]:
        """See :class:`Balancer`."""
        return tuple(self._ask("clear"))

    def expected(self, files: Mapping[str, bytes]) -> tuple[Expected, ...]:
        """See :class:`Balancer`."""
        return tuple(self._ask("expected", dict(files)))
