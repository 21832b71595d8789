"""What was ever judged of a student's work on a lab, from the records: nothing is thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograder.grading.evidence import clean, number
from autograder.grading.record import records_of
from autograder.grading.settings import Places
from autograder.grading.written import read_note


def history(places: Places, labs: Sequence[str], students: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each record, the oldest first; ``written`` says that the gradebook's grade is from this one."""
    rows = []
    for lab in labs:
        for student in students:
            note = read_note(places, lab, student)
            for record in records_of(places.records, lab, student):
                rows.append(
                    {
                        "lab": lab,
                        "student": student,
                        "judged_at": record.judged_at,
                        "submission": record.key.submission[:12],
                        "lab_version": record.key.lab_version,
                        "engine": record.key.engine,
                        "points": record.points,
                        "max_points": record.max_points,
                        "written": bool(note and (note.record, note.judged_at) == (record.key.name, record.judged_at)),
                        "verdicts": record.to_dict()["verdicts"],
                    }
                )
    return rows


def as_text(rows: Sequence[dict[str, Any]]) -> str:
    """The rows for a terminal: when, which submission, by which version of the lab, and the points of each check."""
    if not rows:
        return "Nothing was judged."
    lines = []
    for lab, student in dict.fromkeys((row["lab"], row["student"]) for row in rows):
        lines += [f"{lab}  {clean(student)}", ""]
        for row in rows:
            if (row["lab"], row["student"]) == (lab, student):
                checks = "  ".join(f"{told['check']} {number(told['points'])}" for told in row["verdicts"])
                total = f"{number(row['points'])}/{number(row['max_points'])}"
                when = row["judged_at"] or "time not known"
                mark = "*" if row["written"] else " "
                lines.append(
                    f"{mark} {when}  files {row['submission']}  lab {row['lab_version']}  {row['engine']}"
                    f"  {total}  {checks}"
                )
        lines.append("")
    return "\n".join([*lines, "* is in the gradebook"])
