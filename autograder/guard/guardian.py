"""The guard: takes a change in, step by step, and takes it back when traffic says so.

>>> with Guard(load_settings(path), balancers) as guard:        # doctest: +SKIP
...     guard.apply("main").kind
'kept'

It never makes things worse: a step is on disk before it is begun, whoever comes after a crash does that step again, a
change is taken back once and then everything is frozen, and where it is not sure it asks a person.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from autograder.errors import ManyHandsError
from autograder.guard import forward, taking_back
from autograder.guard.alone import only_guard
from autograder.guard.audit import AuditError
from autograder.guard.balancer import different
from autograder.guard.desk import Desk
from autograder.guard.repository import RepositoryError
from autograder.guard.state import REVERTING, UNTOUCHED, Step, Underway

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from autograder.guard.balancer import Balancer
    from autograder.guard.hooks import Hooks
    from autograder.guard.settings import Settings


class GuardError(ManyHandsError):
    """The guard will not do this now."""


@dataclass(frozen=True)
class Outcome:
    """What became of a change.

    ``kind`` is ``kept``, ``same`` (it runs already), ``refused`` (nothing was touched), ``ask`` (a second person must
    look; nothing was touched), ``held`` (not sure: a person must say), ``reverted``, ``good-is-bad`` or
    ``not-restored``.
    """

    kind: str
    change: str
    said: str = ""

    @property
    def exit_code(self) -> int:
        """0 it runs and is well, 1 it is not in, 2 nobody could tell, or a person must look at once."""
        return {"kept": 0, "same": 0, "refused": 1, "ask": 1, "reverted": 1}.get(self.kind, 2)


class Guard:
    """One guard; use it as ``with Guard(…) as guard``. Raises :class:`LockedError` where another one is at work."""

    def __init__(
        self,
        settings: Settings,
        balancers: Sequence[Balancer],
        hooks: Sequence[Hooks] = (),
        say: Callable[[str], None] | None = None,
        on_step: Callable[[Step, str], None] | None = None,
    ) -> None:
        self.desk = Desk(settings, balancers, hooks, say, on_step)
        self._lock = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Be the only guard here."""
        self._lock.enter_context(only_guard(self.desk.settings.state))
        # Another one may have worked between reading and locking.
        desk = self.desk
        desk.state = desk.file.read()
        with contextlib.suppress(AuditError):  # who cannot write is told by the next step
            if lost := desk.audit.lost(worked=bool(desk.state.good)):
                desk.tell("alert", f"somebody was at the log of the guard: {lost}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let others."""
        self._lock.close()

    def adopt(self) -> str:
        """The last known good version: at the first time, the newest in git that is what lies at every balancer.

        Raises :class:`GuardError` if there is none, or if somebody changed a file by hand since.
        """
        desk = self.desk
        if desk.state.good:
            self._undisturbed(desk.state.good)
            return desk.state.good
        commit = good_of(desk)
        desk.set(replace(desk.state, good=commit))
        desk.tell("step", f"what runs is {commit[:10]}", data={"phase": "adopted"}, change=commit)
        return commit

    def _undisturbed(self, good: str) -> None:
        files = self.desk.files(good)
        for balancer in self.desk.balancers:
            if changed := different(balancer.installed(files), files):
                raise GuardError(
                    f"{balancer.name} has another {changed[0]} than the last known good version",
                    where=good[:10],
                    why="somebody changed it by hand, or a change went in past the guard",
                    remedy="put it back, or commit it and begin anew: move the guard's state folder away",
                )

    def apply(self, revision: str, approvals: int = 1) -> Outcome:
        """Take a version in, step by step. Finishes first what another guard left.

        Raises :class:`GuardError` while everything is frozen, and :class:`ManyHandsError` where it cannot begin.
        """
        desk = self.desk
        self.resume()
        commit = desk.repository.commit(revision)
        self.allowed(commit)
        good = self.adopt()
        if desk.files(commit) == desk.files(good):
            desk.set(replace(desk.state, good=commit))
            return Outcome("same", commit, "the balancers run these files already")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        desk.set(replace(desk.state, change=Underway(commit, Step.LINT, approvals=approvals, began=now)))
        desk.tell("begun", f"{commit[:10]} {desk.repository.subject(commit)}")
        return self._go(Step.LINT)

    def allowed(self, commit: str = "") -> None:
        """Raises :class:`GuardError` while everything is frozen, or for a commit that is not tried again."""
        state = self.desk.state
        if state.frozen:
            raise GuardError(
                "no change goes in until a person acknowledges",
                why=state.frozen,
                remedy="./manyhands guard ack --by NAME" + (" --decide keep, or revert" if state.change else ""),
                exit_code=1,
            )
        if commit in state.stopped:
            raise GuardError(
                "this commit was stopped once, and is not tried again",
                where=commit[:10],
                why=state.stopped[commit],
                remedy="mend it in a new commit",
                exit_code=1,
            )

    def resume(self) -> Outcome | None:
        """Finish what a guard left that was killed; None if there is nothing."""
        change = self.desk.state.change
        if change is None or change.held:
            return None
        self.desk.tell("resumed", f"{change.commit[:10]} was left in the step {change.step}; it goes on from there")
        return self._go(change.step)

    def acknowledge(self, by: str, decide: str = "") -> Outcome | None:
        """A person has looked. For a change that is held, ``decide`` is ``keep`` or ``revert``; what becomes of it.

        Raises :class:`GuardError` if there is nothing to acknowledge, or it must be said what is to be done.
        """
        desk, state = self.desk, self.desk.state
        if not state.frozen:
            raise GuardError("nothing is frozen", remedy="./manyhands guard status tells how it stands")
        held = state.change
        if held is not None and decide not in ("keep", "revert"):
            raise GuardError(
                f"{held.commit[:10]} is in, and the guard is not sure of it",
                why=held.held,
                remedy="say --decide keep or --decide revert",
            )
        change = held and replace(held, held="", why=f"{by} decided so." if decide == "revert" else "")
        if change and decide == "revert":
            change = replace(change, step=Step.RESTORE, done=False)
        desk.set(replace(state, frozen="", change=change))
        desk.tell("acknowledged", f"{by} has seen it: {decide or 'changes may go in again'}", data={"by": by})
        if change is None:
            return None
        order = list(forward.STEPS)
        return self._go(Step.RESTORE if decide == "revert" else order[order.index(change.step) + 1])

    def _go(self, step: Step) -> Outcome:
        if step in REVERTING:
            return self._take_back(step)
        order = list(forward.STEPS)
        commit = self.desk.change.commit
        for one in order[order.index(step) :]:
            try:
                comes_to, said = forward.STEPS[one](self.desk)
            except ManyHandsError as error:
                if one in UNTOUCHED:
                    self._drop(f"{error.what}", "refused", remember=False)
                    raise
                comes_to, said = forward.BACK, str(error)
            if comes_to in (forward.REFUSED, forward.ASK):
                return self._drop(said, comes_to, remember=comes_to == forward.REFUSED)
            if comes_to == forward.HELD:
                return self._hold(said)
            if comes_to == forward.BACK:
                self.desk.change_to(step=Step.RESTORE, done=False, why=said)
                return self._take_back(Step.RESTORE)
        return Outcome("kept", commit)

    def _drop(self, why: str, kind: str, *, remember: bool) -> Outcome:
        """Nothing was touched, and nothing is."""
        desk, commit = self.desk, self.desk.change.commit
        stopped = {**desk.state.stopped, commit: why} if remember else desk.state.stopped
        desk.set(replace(desk.state, change=None, stopped=stopped))
        said = f"a second person must look: {why}" if kind == forward.ASK else why
        desk.tell("refused", f"{commit[:10]} does not go in: {said}", change=commit)
        return Outcome(kind, commit, why)

    def _hold(self, why: str) -> Outcome:
        desk, change = self.desk, self.desk.change
        frozen = f"{change.commit[:10]} is in, and the guard is not sure of it. {why}"
        desk.set(replace(desk.state, frozen=frozen, change=replace(change, held=why)))
        desk.tell("held", f"{frozen} Nothing is done until a person says: guard ack --decide keep, or revert")
        return Outcome("held", change.commit, why)

    def _take_back(self, step: Step) -> Outcome:
        desk, commit, why = self.desk, self.desk.change.commit, self.desk.change.why
        order = list(taking_back.STEPS)
        ended = ""
        for one in order[order.index(step) :]:
            ended = taking_back.STEPS[one](desk) or ""
        return Outcome(ended if ended in ("good-is-bad", "not-restored") else "reverted", commit, why)


def good_of(desk: Desk) -> str:
    """The last known good version, or the newest in git that is what lies at every balancer.

    Raises :class:`GuardError` if there is none.
    """
    if desk.state.good:
        return desk.state.good
    for commit in desk.repository.history(desk.repository.tip()):
        try:
            files = desk.repository.files(commit)
        except RepositoryError:
            continue  # from before there was a config
        if all(not different(one.installed(files), files) for one in desk.balancers):
            return commit
    raise GuardError(
        "what lies at the balancers is no version in git, so there is nothing to go back to",
        where=str(desk.repository.path),
        remedy="commit what runs now to the branch of guard.toml, then try again",
    )
