"""Grades for elsewhere: a plain CSV, and what the gradebooks of Canvas and Moodle import.

Canvas (``lib/gradebook_importer.rb`` of canvas-lms): the heading is Student, ID, SIS User ID, SIS Login ID, Section,
then assignments, each by its name or as ``name (number)``; a row "Points Possible" follows. A student is found by ID,
else SIS User ID, else SIS Login ID, else name. Moodle (``grade/import/csv``): columns are mapped by hand to a user's
email address, ID number or username, to a grade item and to its feedback.

In both an empty cell takes away a grade that is already there. So who has no grade here is left out, and counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from autograder.grading.evidence import number
from autograder.grading.export_cells import safe_cell, write_csv
from autograder.grading.export_roster import Person, Roster
from autograder.grading.export_scores import Score

Platform = Literal["canvas", "moodle", "csv"]
Cell = str | float | None


@dataclass(frozen=True)
class Grade:
    """A line of an export: who, how much, and a sentence for the learner."""

    person: Person
    score: Score
    feedback: str = ""


@dataclass(frozen=True)
class Export:
    """The file's text, and what whoever imports it should know."""

    text: str
    notes: tuple[str, ...] = ()


def export(
    platform: Platform,
    scores: Sequence[Score],
    *,
    lab: str,
    item: str,
    roster: Roster | None = None,
    feedback: Mapping[str, str] | None = None,
    missing: int = 0,
    earlier: Sequence[str] = (),
) -> Export:
    """The grades of ``scores`` for a platform.

    ``item`` is the name of the assignment there, ``feedback`` maps student → a sentence, ``missing`` is how many handed
    in and have no grade, ``earlier`` who handed in again since their grade was made.
    """
    grades = [
        Grade(_person(score, roster), score, (feedback or {}).get(score.student, ""))
        for score in sorted(scores, key=lambda score: score.student)
    ]
    notes = list(_notes(grades, roster, missing))
    notes += _said("handed in again since; this is the grade of an earlier submission", earlier)
    if platform == "canvas":
        return Export(_canvas(grades, item), tuple(notes))
    if platform == "moodle":
        notes += _without_address(grades)
        return Export(_moodle(grades, item), tuple(notes))
    return Export(_plain(grades, lab), tuple(notes))


def _person(score: Score, roster: Roster | None) -> Person:
    """The roster's word first, then the gradebook's; a student nobody describes is known by the id alone."""
    listed = roster.find(score.student) if roster else None
    if listed is not None:
        return Person(
            id=score.student,
            name=listed.name or score.name or score.student,
            email=listed.email or score.email,
            login=listed.login or listed.id,
            canvas_id=listed.canvas_id or score.lms_id,
            sis_id=listed.sis_id,
            section=listed.section,
            number=listed.number,
        )
    address = score.email or (score.student if "@" in score.student[1:] else "")
    return Person(score.student, score.name or score.student, address, score.student, score.lms_id)


def _canvas(grades: Sequence[Grade], item: str) -> str:
    most = max((grade.score.most for grade in grades), default=0.0)
    rows: list[Sequence[Cell]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", item],
        ["    Points Possible", None, None, None, None, number(most)],
    ]
    for grade in grades:
        who = grade.person
        rows.append([who.name, who.canvas_id, who.sis_id, who.login, who.section, number(grade.score.score)])
    return write_csv(rows, bom=False)


def _moodle(grades: Sequence[Grade], item: str) -> str:
    rows: list[Sequence[Cell]] = [
        ["Username", "ID number", "Email address", "Full name", f"{item} (Real)", f"{item} (Feedback)"]
    ]
    for grade in grades:
        who = grade.person
        rows.append([who.login, who.number, who.email, who.name, number(grade.score.score), grade.feedback])
    return write_csv(rows, bom=False)


def _plain(grades: Sequence[Grade], lab: str) -> str:
    rows: list[Sequence[Cell]] = [
        ["student", "name", "email", "lab", "score", "max_score", "late_penalty", "needs_manual_grade"]
    ]
    for grade in grades:
        who, score = grade.person, grade.score
        numbers = [number(score.score), number(score.most), number(score.late)]
        rows.append([score.student, who.name, who.email, lab, *numbers, "yes" if score.waiting else "no"])
    return write_csv(rows, bom=True)


def _notes(grades: Sequence[Grade], roster: Roster | None, missing: int) -> list[str]:
    notes: list[str] = []
    if missing:
        are = "student has" if missing == 1 else "students have"
        notes.append(f"{missing} {are} handed in and no grade; they are left out, so that nothing is taken from them")
    if roster is not None:
        notes += _said(
            "not in the roster, exported under the class's own name",
            [grade.score.student for grade in grades if roster.find(grade.score.student) is None],
        )
    notes += _said("still to be graded by hand", [grade.score.student for grade in grades if grade.score.waiting])
    changed = [
        grade.score.student
        for grade in grades
        if any(cell.strip() != safe_cell(cell) for cell in (grade.person.id, grade.person.login, grade.person.email))
    ]
    notes += _said("looks like a formula and got an apostrophe before it; enter the grade by hand", changed)
    return notes


def _without_address(grades: Sequence[Grade]) -> list[str]:
    nobody = [grade.score.student for grade in grades if not (grade.person.email or grade.person.number)]
    return _said("neither email address nor ID number: map by username, or give a --roster", nobody)


def _said(what: str, students: Sequence[str]) -> list[str]:
    if not students:
        return []
    shown = ", ".join(safe_cell(student) for student in students[:5])
    more = f" and {len(students) - 5} more" if len(students) > 5 else ""
    return [f"{what}: {shown}{more}"]
