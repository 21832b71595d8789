"""The class as CSV, a row a student; and a sentence a student for other gradebooks."""

from __future__ import annotations

from autograder.grading.classreport.summary import StudentRow, Summary
from autograder.grading.classreport.words import many, number, percent
from autograder.grading.evidence import clean
from autograder.grading.export_cells import write_csv

_WORDS = {"passed": "passed", "failed": "not yet", "unjudged": "could not be judged"}


def as_csv(found: Summary) -> str:
    """A row a student: standing, points, each check's outcome and points, mistakes, attempts, time, copies."""
    checks = [check.name for check in found.checks]
    heads = ["student", "standing", "points", "max_points"]
    heads += [head for check in checks for head in (check, f"{check} points")]
    heads += ["first open check", "mistakes", "attempts", "seconds to mend", "group of likely copies"]
    rows: list[list[str | float | None]] = [list(heads)]
    for row in found.students:
        cells: list[str | float | None] = [row.student, str(row.standing)]
        cells += [None if row.points is None else number(row.points), number(found.max_points)]
        for check in checks:
            cells += [row.outcomes.get(check), number(row.earned[check]) if check in row.earned else None]
        cells += [row.stuck, " ".join(row.mistakes), float(row.attempts)]
        cells += [None if row.seconds_to_mend is None else round(row.seconds_to_mend, 3), row.copies or None]
        rows.append([int(cell) if isinstance(cell, float) and cell.is_integer() else cell for cell in cells])
    return write_csv(rows, bom=True)


def as_text(found: Summary) -> str:
    """The class in a few lines, for a terminal."""
    lines = [f"{found.title}: {many(found.handed_in, 'student')} handed in, {found.graded:,} with a verdict"]
    lines += [f"  {count:>5,}  {standing}" for standing, count in found.standings.items() if count]
    wide = max(len(check.name) for check in found.checks)
    for check in found.checks:
        stuck = f"   {many(check.stuck, 'student')} stuck here" if check.stuck else ""
        lines.append(f"  {check.name:<{wide}}  {percent(check.passed, found.graded):>5} passed{stuck}")
    if found.mistakes:
        some = ", ".join(f"{clean(row.slug)} ({row.students})" for row in found.mistakes[:5])
        lines.append(f"  mistakes that remain: {some}")
    if found.copies:
        lines.append(f"  {many(len(found.copies), 'group')} of likely copies: a hint, see the page")
    if found.damaged:
        lines.append(f"  {many(len(found.damaged), 'record')} could not be read and left out")
    return "\n".join(lines)


def feedback(found: Summary) -> dict[str, str]:
    """Student → what became of each check, in a line. Nothing of a hidden scenario is in it."""
    return {row.student: _told(found, row) for row in found.students if row.points is not None}


def _told(found: Summary, row: StudentRow) -> str:
    parts = [
        f"{check.title}: {_WORDS[row.outcomes[check.name]]} "
        f"({number(row.earned[check.name])} of {number(check.points)})"
        for check in found.checks
        if row.outcomes.get(check.name) in _WORDS
    ]
    return "; ".join(parts)
