"""Grades that would change although nobody handed in anything new: a check changed, or was judged again by force.

Such a grade is written only when a person agrees. Until then the gradebook keeps the earlier one, and the new verdict
waits on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autograder.grading.evidence import clean, number
from autograder.grading.record import Record
from autograder.grading.written import Note


@dataclass(frozen=True)
class Change:
    """What a regrade does to one check of one student."""

    lab: str
    student: str
    check: str
    before: float | None
    """Points in the gradebook; None for a check that is new."""
    after: float | None
    """Points now; None for a check that is no more."""

    def __str__(self) -> str:
        """The change in a line."""
        return f"{clean(self.student)}  {self.check}  {_points(self.before)} → {_points(self.after)}"


def changes(note: Note | None, record: Record) -> tuple[Change, ...]:
    """How the grade that was written differs from ``record``; nothing when the submission is another one by now."""
    if note is None or note.submission != record.key.submission:
        return ()
    now = {verdict.check: float(verdict.points) for verdict in record.verdicts}
    return tuple(
        Change(record.key.lab, record.key.student, check, note.points.get(check), now.get(check))
        for check in dict.fromkeys([*now, *note.points])
        if note.points.get(check) != now.get(check)
    )


def held_in_words(found: Sequence[Change]) -> str:
    """Why grades of one student for one lab stay as they are, and what to run, for whoever has them written by hand."""
    lab, student = found[0].lab, found[0].student
    rows = "; ".join(f"{change.check} {_points(change.before)} → {_points(change.after)}" for change in found)
    return (
        f"{clean(student)}'s grade for {lab} stays as it is: what was handed in is the same, and would now be graded "
        f"otherwise ({rows}). ./manyhands grade {lab} shows all such changes and asks before it writes them"
    )


def table(found: Sequence[Change]) -> str:
    """The changes as a table for a terminal, and what they come to."""
    lines: list[str] = []
    for lab in dict.fromkeys(change.lab for change in found):
        rows = [change for change in found if change.lab == lab]
        lines.append(f"{lab}: grades that would change")
        cells = [(clean(row.student), row.check, _points(row.before), _points(row.after)) for row in rows]
        widths = [max(len(cell[column]) for cell in cells) for column in range(4)]
        for student, check, before, after in cells:
            lines.append(
                f"  {student:<{widths[0]}}  {check:<{widths[1]}}  {before:>{widths[2]}} → {after:>{widths[3]}}"
            )
        up = sum((row.after or 0.0) > (row.before or 0.0) for row in rows)
        down = sum((row.after or 0.0) < (row.before or 0.0) for row in rows)
        students = len({row.student for row in rows})
        lines.append(f"  {students} student{'s'[: students != 1]}: {up} verdicts go up, {down} go down")
    return "\n".join(lines)


def _points(points: float | None) -> str:
    return "–" if points is None else number(points)
