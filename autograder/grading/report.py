"""What a grading run came to: a row for each submission."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from autograder.grading.evidence import clean, number
from autograder.grading.record import Record
from autograder.grading.regrade import Change, table
from autograder.labs.verdict import Outcome

_HELD = "These grades were not written; to write them, run the same command again with --yes."


class State(StrEnum):
    """How far grading a submission got."""

    GRADED = "graded"
    """Judged (now or before) and in the gradebook."""
    UNGRADED = "ungraded"
    """Through our fault; no grade was written."""
    HELD = "held"
    """Judged again, with another result; the gradebook keeps the earlier grade until somebody agrees."""


@dataclass(frozen=True)
class Row:
    """One submission, its record without the evidence. ``why``: it is ungraded; ``fresh``: judged in this run."""

    lab: str
    student: str
    state: State
    record: Record | None = None
    why: str = ""
    fresh: bool = False

    @property
    def outcome(self) -> str:
        """In words: all passed, points short, could not be judged, ungraded, or a change that nobody agreed to yet."""
        if self.state is State.UNGRADED or self.record is None:
            return "ungraded (our fault)"
        if self.state is State.HELD:
            return "would change"
        outcomes = {verdict.outcome for verdict in self.record.verdicts}
        if outcomes == {Outcome.PASSED}:
            return "passed"
        return "could not be judged" if Outcome.UNJUDGED in outcomes else "not yet"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        record = self.record
        return {
            "lab": self.lab,
            "student": self.student,
            "state": str(self.state),
            "outcome": self.outcome,
            "points": record.points if record else None,
            "max_points": record.max_points if record else None,
            "why": self.why,
            "judged_now": self.fresh,
            "verdicts": record.to_dict()["verdicts"] if record else [],
        }


@dataclass(frozen=True)
class Report:
    """A grading run: its rows in the order of lab and student, and what else there is to say."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    held: tuple[Change, ...] = ()
    """Changes of written grades that nobody agreed to."""

    @property
    def exit_code(self) -> int:
        """0 when every submission has its grade, 1 when we failed some or a change waits for somebody to agree."""
        return 1 if any(row.state is not State.GRADED for row in self.rows) else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "notes": list(self.notes),
            "held": [vars(change) for change in self.held],
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
        }

    def table(self) -> str:
        """For a terminal: a table a lab, the totals, and each ungraded submission with the reason."""
        if not self.rows:
            return "\n".join([*self.notes, "Nothing to grade: no submission was collected."])
        parts = [*self.notes]
        for lab in dict.fromkeys(row.lab for row in self.rows):
            parts += [_lab_table(lab, [row for row in self.rows if row.lab == lab]), ""]
        counts = Counter(row.outcome for row in self.rows)
        summary = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        fresh = sum(row.fresh for row in self.rows)
        many = "1 submission" if len(self.rows) == 1 else f"{len(self.rows)} submissions"
        parts.append(f"{many}: {summary}; {fresh} judged now, in {self.seconds:.1f} s")
        for row in self.rows:
            if row.why:
                parts += ["", f"{row.lab} {clean(row.student)}: no grade was written", clean(row.why)]
        if self.held:
            parts += ["", table(self.held), "", _HELD]
        return "\n".join(parts)


def _lab_table(lab: str, rows: Sequence[Row]) -> str:
    checks = list(dict.fromkeys(verdict.check for row in rows if row.record for verdict in row.record.verdicts))
    lines = [[lab, *checks, "total", ""]]
    for row in rows:
        points = {verdict.check: verdict.points for verdict in row.record.verdicts} if row.record else {}
        cells = [number(points[check]) if check in points else "–" for check in checks]
        total = f"{number(row.record.points)}/{number(row.record.max_points)}" if row.record else "–"
        lines.append([clean(row.student), *cells, total, row.outcome])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    last = len(widths) - 1
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, last) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
