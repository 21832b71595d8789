"""The checks of an open lab, and what became of each: from the logbook, so that it outlives the kernel."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from autograder.notebook.choice import choose
from autograder.notebook.course_pages import address_of
from autograder.notebook.frame import CheckNow
from autograder.stack.balancing import config_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.labs.lab import Check
    from autograder.notebook.logbook import Entry, Logbook
    from autograder.notebook.session import LabSession


class Checks:
    """The checks' part of a frame; worked out again only when something has changed."""

    def __init__(self, session: LabSession) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}
        self._files: Mapping[str, tuple[int, int]] = {}
        self._now: tuple[CheckNow, ...] | None = None

    def begin(self, name: str) -> None:
        """A check is to be run. Raises :class:`ManyHandsError` if there is none of that name."""
        names = [check.name for check in self._session.lab.checks]
        if name not in names:
            raise choose(name, names, "check")
        with self._lock:
            self._running[name] = self._running.get(name, 0) + 1
            self._now = None

    def end(self, name: str) -> None:
        """It has ended."""
        with self._lock:
            self._running[name] -= 1
            self._now = None

    def changed(self) -> None:
        """Something was done."""
        with self._lock:
            self._now = None

    def now(self) -> tuple[CheckNow, ...]:
        """Every check as it is."""
        session = self._session
        files = stamps(session)
        with self._lock:
            if self._now is None or files != self._files:
                self._files = files
                digest = config_digest(session.lab.read(session.folder))
                running = {name for name, count in self._running.items() if count}
                self._now = tuple(
                    _check_now(check, session.logbook, digest, check.name in running) for check in session.lab.checks
                )
            return self._now


def stamps(session: LabSession) -> dict[str, tuple[int, int]]:
    """File of the lab → when it was changed (ns) and its size; without those that are not there."""
    found = {}
    for name in session.lab.files:
        try:
            there = (session.folder / name).stat()
        except OSError:
            continue
        found[name] = (there.st_mtime_ns, there.st_size)
    return found


def _check_now(check: Check, logbook: Logbook, digest: str, running: bool) -> CheckNow:
    last = logbook.last_verdict(check.name)
    seen = min(logbook.hints_seen(check.name), len(check.hints))
    outcome = "running" if running else last.result if last else "untried"
    told = last.details if last else {}
    return CheckNow(
        name=check.name,
        title=check.title,
        points=_number(told.get("points")),
        max_points=check.points,
        outcome=outcome if outcome != "ours" else "unjudged",
        stale=last is not None and told.get("files") != digest,
        observed=str(told.get("observed", "")),
        why=str(told.get("why", "")),
        next=_next(check, last, seen),
        page=address_of(check.page),
        hint_number=seen,
        hints=len(check.hints),
    )


def _next(check: Check, last: Entry | None, seen: int) -> str:
    """The last hint that was shown; else what the verdict says, as for work that cannot be judged."""
    if last is not None and last.result == "unjudged":
        return str(last.details.get("next", ""))
    return check.hints[seen - 1] if seen else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
