"""Final scores: from nbgrader's gradebook, with points given by hand and late penalties, where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from autograder.errors import ManyHandsError
from autograder.grading.settings import Places

if TYPE_CHECKING:
    from sqlalchemy import Engine

_SCORES: Final = """
SELECT student.id AS student, student.first_name AS first_name, student.last_name AS last_name,
       student.email AS email, student.lms_user_id AS lms, submitted_assignment.id AS submission,
       submitted_notebook.id AS notebook, submitted_notebook.late_submission_penalty AS late,
       grade.auto_score AS auto_score, grade.manual_score AS manual_score, grade.extra_credit AS extra_credit,
       grade.needs_manual_grade AS waiting
FROM assignment
JOIN submitted_assignment ON submitted_assignment.assignment_id = assignment.id
JOIN student ON student.id = submitted_assignment.student_id
JOIN submitted_notebook ON submitted_notebook.assignment_id = submitted_assignment.id
JOIN grade ON grade.notebook_id = submitted_notebook.id
WHERE assignment.name = :lab
ORDER BY student.id
"""
_MAXIMUM: Final = """
SELECT COALESCE(SUM(cell.max_score), 0) FROM assignment
JOIN notebook ON notebook.assignment_id = assignment.id
JOIN base_cell ON base_cell.notebook_id = notebook.id
JOIN (SELECT id, max_score FROM grade_cells UNION ALL SELECT id, max_score FROM task_cells) AS cell
     ON cell.id = base_cell.id
WHERE assignment.name = :lab
"""


@dataclass(frozen=True)
class Score:
    """A student's final score for a lab, and what the gradebook knows of them.

    ``score`` is after the ``late`` penalty, never below zero, as nbgrader's own export has it. ``waiting`` is set while
    something must still be graded by hand.
    """

    student: str
    score: float
    most: float
    late: float = 0.0
    waiting: bool = False
    name: str = ""
    email: str = ""
    lms_id: str = ""


def gradebook_scores(home: Path, lab: str) -> tuple[Score, ...] | None:
    """The scores of ``lab`` that the class's gradebook holds; None when there is no gradebook, or it knows no such lab.

    The tables are nbgrader 0.9's. Its own classes would say the same, and need four seconds to import.

    Raises:
        ManyHandsError: there is a gradebook, and it cannot be read.
    """
    places = Places(home.absolute())
    url = gradebook_url(places)
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        return None
    return scores_in(url, lab)


def scores_in(url: str, lab: str) -> tuple[Score, ...] | None:
    """The same from the gradebook at an address.

    Raises:
        ManyHandsError: it cannot be read.
    """
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    engine: Engine | None = None
    try:
        engine = create_engine(url)
        with engine.connect() as connection:
            rows = connection.execute(text(_SCORES), {"lab": lab}).mappings().all()
            most = float(connection.execute(text(_MAXIMUM), {"lab": lab}).scalar_one())
    except (SQLAlchemyError, ArgumentError, ImportError) as error:
        raise ManyHandsError(
            "the gradebook cannot be read",
            where=url.rpartition("@")[2],
            why=str(error).splitlines()[0],
            remedy="./manyhands report LAB --export … --scores records takes the verdict records instead",
        ) from error
    finally:
        if engine is not None:
            engine.dispose()
    return tuple(_scores(rows, most)) or None


def gradebook_url(places: Places) -> str:
    """The gradebook's address: what the class's ``nbgrader_config.py`` says, else the file beside it.

    Raises:
        ManyHandsError: the configuration file cannot be run.
    """
    from traitlets.config.loader import ConfigFileNotFound, PyFileConfigLoader

    default = f"sqlite:///{places.course / 'gradebook.db'}"
    try:
        config = PyFileConfigLoader(places.config.name, path=str(places.config.parent)).load_config()
    except ConfigFileNotFound:
        return default
    except Exception as error:  # it is the instructor's Python
        raise ManyHandsError(
            "the class's nbgrader configuration cannot be run",
            where=str(places.config),
            why=f"{type(error).__name__}: {error}",
            remedy="mend it, or move it away: ./manyhands up writes a new one",
        ) from error
    url: Any = config.get("CourseDirectory", {}).get("db_url", default)
    return str(url)


def _scores(rows: Any, most: float) -> list[Score]:
    """One score a student: nbgrader's sums, a hand's points before the machine's."""
    found: dict[str, Score] = {}
    notebooks: set[str] = set()
    raw: dict[str, float] = {}
    for row in rows:
        student = row["student"]
        given = row["auto_score"] if row["manual_score"] is None else row["manual_score"]
        points = 0.0 if given is None else given + (row["extra_credit"] or 0.0)
        raw[student] = raw.get(student, 0.0) + points
        before = found.get(student)
        late = before.late if before else 0.0
        if row["notebook"] not in notebooks:
            notebooks.add(row["notebook"])
            late += row["late"] or 0.0
        found[student] = Score(
            student=student,
            score=max(0.0, raw[student] - late),
            most=most,
            late=late,
            waiting=bool(row["waiting"]) or (before is not None and before.waiting),
            name=" ".join(part for part in (row["first_name"], row["last_name"]) if part),
            email=row["email"] or "",
            lms_id=row["lms"] or "",
        )
    return list(found.values())
