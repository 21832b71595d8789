"""What every step of the guard has at hand: settings, versions, balancers, and the two records of what is done."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from autograder.guard.audit import AuditError, AuditLog, Event
from autograder.guard.balancer import BalancerError, Expected, intent_of
from autograder.guard.counts import Intent, since, together
from autograder.guard.repository import Repository
from autograder.guard.state import State, StateError, StateFile, Step, Underway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from autograder.guard.balancer import Balancer
    from autograder.guard.counts import Decision, Window
    from autograder.guard.hooks import Hooks
    from autograder.guard.settings import Settings


class Desk:
    """One guard's things. ``on_step`` is told of each step (and ``begun`` or ``done``) once it is on disk."""

    def __init__(
        self,
        settings: Settings,
        balancers: Sequence[Balancer],
        hooks: Sequence[Hooks] = (),
        say: Callable[[str], None] | None = None,
        on_step: Callable[[Step, str], None] | None = None,
    ) -> None:
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o750)
        self.settings = settings
        self.balancers = tuple(balancers)
        self.repository = Repository(settings.git)
        self.audit = AuditLog(settings.state)
        self.file = StateFile(settings.state)
        self.state = self.file.read()
        self._hooks = tuple(hooks)
        self._files: dict[str, Mapping[str, bytes]] = {}
        self._silent: set[str] = set()
        self._say = say or _nobody
        self._on_step = on_step or _nobody

    def set(self, state: State) -> None:
        """Put a new state on disk, and go on from it.

        Raises :class:`StateError`, but not while a change is taken back: a full disk must not keep a bad config in.
        """
        try:
            self.file.write(state)
        except StateError as error:
            if not (state.change and state.change.reverting):
                raise
            self._say(str(error))
        self.state = state

    @property
    def change(self) -> Underway:
        """The change that is under way; there is one."""
        assert self.state.change is not None
        return self.state.change

    def change_to(self, **fields: Any) -> None:
        """Note something of the change that is under way."""
        self.set(replace(self.state, change=replace(self.change, **fields)))

    @contextlib.contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Do a step: on disk before it is begun, and when it is done."""
        self.change_to(step=step, done=False)
        self.tell("step", f"{step} begun", data={"phase": "begun"})
        self._on_step(step, "begun")
        yield
        self.change_to(done=True)
        self.tell("step", f"{step} done", data={"phase": "done"})
        self._on_step(step, "done")

    def tell(self, kind: str, said: str, data: Mapping[str, Any] | None = None, change: str = "") -> Event:
        """Write an event down, and let everybody hear it."""
        under = self.state.change
        about, step = change or (under.commit if under else ""), under.step if under else ""
        try:
            event = self.audit.append(kind, said, change=about, step=step, data=data)
        except AuditError as error:
            if not (under and under.reverting):
                raise
            self._say(str(error))
            event = Event(0, datetime.now(UTC).isoformat(timespec="milliseconds"), kind, about, step, said, data or {})
        if kind != "step" or event.data.get("phase") == "begun":
            self._say(said)
        for hook in self._hooks:
            try:
                hook.event(event)
            except Exception as error:  # a listener's fault must never stop a revert
                self._unheard(hook, error)
        return event

    def show(self, balancer: str, window: Window, intent: Intent, decision: Decision) -> None:
        """Let everybody hear what was counted."""
        for hook in self._hooks:
            try:
                hook.window(balancer, window, intent, decision)
            except Exception as error:
                self._unheard(hook, error)

    def _unheard(self, hook: Hooks, error: Exception) -> None:
        said = f"{type(hook).__name__} could not be told: {type(error).__name__}: {error}"
        self.audit.append("alert", said)
        self._say(said)

    def files(self, commit: str) -> Mapping[str, bytes]:
        """The files of a version; read once, so that a revert needs nothing that may fail meanwhile."""
        if commit not in self._files:
            self._files[commit] = self.repository.files(commit)
        return self._files[commit]

    def intent(self, commit: str) -> Intent:
        """What traffic should look like with a version: the first balancer's reading of it."""
        expected: tuple[Expected, ...] = self.balancers[0].expected(self.files(commit))
        return intent_of(expected, self.settings.intent)

    def counts(self) -> dict[str, Window]:
        """What each balancer counted so far; one that cannot be asked is left out, and an alert says so."""
        found = {}
        for balancer in self.balancers:
            try:
                found[balancer.name] = balancer.counts()
                self._silent.discard(balancer.name)
            except BalancerError as error:
                if balancer.name not in self._silent:
                    self._silent.add(balancer.name)
                    self.tell("alert", f"{balancer.name} cannot be asked: {error.what} ({error.where}) {error.why}")
        return found


def _nobody(*_: object) -> None:
    """Nobody wants to know."""


class Span:
    """What is counted from now on, at some balancers."""

    def __init__(self, desk: Desk, names: Sequence[str] = ()) -> None:
        self._desk = desk
        self._names = tuple(names) or tuple(one.name for one in desk.balancers)
        self._began = time.monotonic()
        self._base = desk.counts()
        self._last: dict[str, Window] = dict(self._base)

    @property
    def seconds(self) -> float:
        """How long it is by now."""
        return time.monotonic() - self._began

    def each(self, counts: Mapping[str, Window]) -> dict[str, Window]:
        """What happened at each of its balancers. One that was not there in the beginning begins now.

        One that cannot be asked any more has done nothing since it was last asked: then it may well be down.
        """
        for name, window in counts.items():
            self._base.setdefault(name, window)
        self._last |= counts
        found = {name: since(self._last[name], self._base[name]) for name in self._names if name in self._last}
        return {name: one if name in counts else replace(one, seconds=self.seconds) for name, one in found.items()}

    def gone(self, counts: Mapping[str, Window]) -> tuple[str, ...]:
        """Its balancers that could be asked in the beginning, and cannot be now."""
        return tuple(name for name in self._names if name in self._base and name not in counts)

    def all(self, counts: Mapping[str, Window]) -> Window:
        """The same as one."""
        return together(self.each(counts).values())
