"""Standing guard: every new commit of the branch goes in, and traffic is watched in between.

What is seen in between is no change's doing, so there is nothing to take back: people are told, and nothing is touched.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.guard.anomaly import Watcher
from autograder.guard.counts import Kind, Window
from autograder.guard.desk import Span
from autograder.guard.guardian import Guard, GuardError

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.guard.desk import Desk


def stand(guard: Guard, stop: Callable[[], bool], *, read_only: bool = False) -> None:
    """Go on until ``stop`` says so. With ``read_only`` nothing is applied: it watches and tells."""
    desk = guard.desk
    if not read_only:
        guard.resume()
        if not desk.state.good:
            guard.adopt()
    traffic = _Traffic(desk)
    told, looked, asked = "", -desk.settings.watch.branch_s, ""
    while not stop():
        if not read_only and not desk.state.frozen and time.monotonic() - looked >= desk.settings.watch.branch_s:
            looked = time.monotonic()
            commit = ""
            try:
                commit = _waiting(desk)
                if commit not in ("", asked):
                    # Whoever asks for a second person asks once; apply --approvals 2 is that person's answer.
                    asked = commit if guard.apply(commit).kind == "ask" else ""
                    traffic = _Traffic(desk)
                told = ""
            except ManyHandsError as error:
                asked = "" if isinstance(error, GuardError) else commit
                if told != str(error):
                    told = str(error)
                    desk.tell("alert", f"{error.what}: {error.why}" if error.why else error.what)
        time.sleep(desk.settings.watch.every_s)
        traffic.look()


def _waiting(desk: Desk) -> str:
    """The newest commit of the branch, if it is not in and was not stopped."""
    tip = desk.repository.tip()
    return "" if tip == desk.state.good or tip in desk.state.stopped else tip


class _Traffic:
    """Traffic while nothing changes, in windows; one that was well is what the next is compared with."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ill = False
        self._begin(Window(0.0))

    def _begin(self, past: Window) -> None:
        desk = self._desk
        self._past = past
        self._intent = desk.intent(desk.state.good or desk.repository.tip())
        self._span = Span(desk)
        self._watcher = Watcher(self._intent, past)

    def look(self) -> None:
        """Look once."""
        desk = self._desk
        counts = desk.counts()
        now = self._span.all(counts)
        over = now.seconds >= desk.settings.watch.window_s
        decision = self._watcher.look(now, over=over)
        for name, window in self._span.each(counts).items():
            desk.show(name, window, self._intent, decision)
        if decision.kind is Kind.REVERT and not self._ill:
            self._ill = True
            said = " ".join(decision.reasons)
            desk.tell("anomaly", f"no change is new, so nothing is touched: {said}", data=dict(decision.numbers))
        if decision.kind is Kind.KEEP and self._ill:
            self._ill = False
            desk.tell("step", "traffic is well again", data={"phase": "begun"})
        if over or decision.kind is Kind.REVERT:
            self._begin(now if decision.kind is Kind.KEEP else self._past)
