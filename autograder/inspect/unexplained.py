"""A concentration that no line of the catalogue explains: find the lines without which there is none.

The config is its own laboratory. Variants of it run in the same twin, each without a statement or with one written
more plainly (:mod:`autograder.stack.proxies.edits`), and each gets traffic. What changes the shares is the cause: first
every statement alone, then, if none of them does it alone, the smallest set of them (delta debugging).

In ``--json`` each line found is an entry of ``mistakes`` like those of the catalogue, with ``"id": "unexplained"`` and
``"observed": true``; ``message`` says what the shares become without it. There is no page of the catalogue about it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autograder.inspect.smallest import smallest
from autograder.judge.spread import Spread
from autograder.mistakes.finding import Finding
from autograder.stack.proxies.edits import edited, edits_of
from autograder.stack.proxies.nginx_syntax import UnreadableError
from autograder.traffic.clients import population

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autograder.inspect.measure import Measuring, Run
    from autograder.stack.proxies.edits import Edit

SLUG = "unexplained"
MOST_VARIANTS = 60
MOST_S = 20.0
"""So much is tried, at most; every variant costs a reload and some hundred requests."""
_ROUNDS = (300, 600)
"""Requests of each leg for one variant, and so many more where those did not tell."""
_LEGS = 4
"""That is asked for so many legs at most: a variant must not take long."""
_ALONE = 30
"""With more statements than this, whole sets of them are tried before each alone."""
_CALM = 0.02
"""A variant may fail this part of its requests, and what the config itself fails."""
_MEND = "Read up on what this line decides, and write it so that it leaves the choice of the server to the pool."


@dataclass(frozen=True)
class Explanation:
    """Lines without which the traffic is even, if any were found, and what to say about the search."""

    findings: tuple[Finding, ...]
    variants: int
    note: str


def explain(measuring: Measuring, files: Mapping[str, bytes], main: str, hot: Sequence[Run]) -> Explanation:
    """Search for what makes runs concentrated. ``files`` is the config folder, of which ``main`` lies at the top.

    Afterwards the twin runs the config as it was.
    """
    proxy = measuring.twin.plan.stack.balancer.proxy
    try:
        edits = edits_of(files, main, proxy)
    except UnreadableError:
        return Explanation((), 0, "")
    search = _Search(measuring, files, hot, time.monotonic() + MOST_S)
    try:
        found = search.best(edits)
    finally:
        measuring.twin.apply(files)
    tried = (
        "1 variant of this config was run" if search.tried == 1 else f"{search.tried} variants of this config were run"
    )
    count = f"{tried}, each without some of its lines"
    if not found:
        return Explanation((), search.tried, f"{count}: none of them spreads this traffic evenly")
    findings = tuple(_finding(edit, found, search, hot[0].pool) for edit in found)
    return Explanation(findings, search.tried, count)


@dataclass
class _Search:
    measuring: Measuring
    files: Mapping[str, bytes]
    hot: Sequence[Run]
    until: float
    tried: int = 0
    shares: dict[tuple[Edit, ...], Run] = field(default_factory=dict)
    """What each set of changes that makes the traffic even made of it."""

    def best(self, edits: Sequence[Edit]) -> tuple[Edit, ...]:
        """The smallest set of changes that makes the traffic even; none if there is none, or no time to find it."""
        alone = [edit for edit in edits if not edit.inert]
        plain = [edit for edit in alone if not edit.instead]
        if len(alone) > _ALONE and (found := self._of_many(plain)):
            return found
        for edit in [*alone, *(edit for edit in edits if edit.inert)]:
            if self.is_even([edit]):
                return (edit,)
        return () if len(alone) > _ALONE else self._of_many(plain)

    def _of_many(self, edits: Sequence[Edit]) -> tuple[Edit, ...]:
        if len(edits) < 2 or not self.is_even(edits):
            return ()
        found = smallest(edits, self.is_even)
        # One that ran out of time is a heap of lines, which explains nothing.
        return found if len(found) <= 4 else ()

    def is_even(self, edits: Sequence[Edit]) -> bool:
        """Whether the traffic of the runs in question is even with these changes."""
        if self.tried >= MOST_VARIANTS or time.monotonic() > self.until:
            return False
        self.tried += 1
        applied = self.measuring.twin.apply(edited(self.files, edits))
        if not applied.ok:
            return False
        for clients in dict.fromkeys(run.clients for run in self.hot):
            new = self._measured(clients)
            if new is None:
                return False
            self.shares[tuple(edits)] = new
        return True

    def _measured(self, clients: str) -> Run | None:
        """The pool that gets the traffic in question now, if it and all others are even."""
        before = [run for run in self.hot if run.clients == clients]
        lost = max(run.failed / len(run.fates) for run in before)
        legs = self.measuring.legs_to(run.pool for run in before)
        for number, count in enumerate(_ROUNDS):
            again = self.measuring.once(population(clients), legs, count=count * min(_LEGS, len(legs)), seed=number)
            pools = [run for run in again if run.pool and run.fates]
            wide = [run for run in pools if len(run.verdict.fair) > 1]
            whole = again[-1]
            failed = whole.failed / max(1, len(whole.fates))
            verdicts = {run.verdict.spread for run in (*pools, whole)}
            if not wide or failed > lost + _CALM or verdicts & {Spread.CONCENTRATED, Spread.BROKEN}:
                return None
            named = {run.pool for run in before}
            mine = next((run for run in wide if run.pool in named), max(wide, key=lambda run: len(run.fates)))
            if Spread.UNDECIDED not in verdicts:
                return mine
        return None


def _finding(edit: Edit, found: Sequence[Edit], search: _Search, pool: str) -> Finding:
    run = search.shares[tuple(found)]
    label = search.measuring.label
    parts = ", ".join(f"{label(node)} {part * 100:.0f} %" for node, part in list(run.verdict.share.items())[:6])
    others = [f"{other.file}:{other.line}" for other in found if other is not edit]
    also = f" and {', '.join(others)}" if others else ""
    if edit.instead and len(found) == 1:
        said = f"With `{edit.instead.strip()}` in its place the servers get {parts}."
    else:
        said = f"Without this line{also} the servers get {parts}."
    return Finding(SLUG, pool or run.pool, edit.file, edit.line, edit.quote[:200], edit.columns, said, _MEND)
