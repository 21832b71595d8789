"""Every change of a grade: who, when, whose, which cell, from what to what, and why.

Changes are not believed, they are observed: what the gradebook holds is compared with what the log says it held. So
nothing can be forgotten. That happens when nbgrader has written a grade (whoever started it), when somebody gives
points in formgrader, before each of these, and when the log is looked at. What is seen then without our having written
it is noted as *found*: somebody used nbgrader's own commands, or the database.

The log is a chain (:mod:`autograder.guard.chain`) in ``class/changes``: an edited, missing or moved line shows. Who
owns the folder could write a whole new chain. So keep the last line's digest elsewhere; ``report LAB --changes`` prints
it.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from autograder.errors import ManyHandsError
from autograder.grading.export_scores import gradebook_url
from autograder.grading.locks import one_log
from autograder.grading.settings import DATABASE, Places
from autograder.guard.chain import Chain, Event

if TYPE_CHECKING:
    from sqlalchemy import Engine

Points = tuple[float | None, float | None, float | None]
"""What a cell has: the machine's points, a person's, and extra ones."""
Held = dict[tuple[str, str], dict[str, Points]]
"""Lab and student → cell → points."""

GRADED: Final = "graded"
"""Written by the grader."""
BY_HAND: Final = "by-hand"
"""Given by a person in formgrader."""
FOUND: Final = "found"
"""Seen afterwards: not written through us."""
BEGAN: Final = "began"
"""There already when the log began."""
LATE: Final = "(late penalty)"
"""Stands where a cell's name does, for what is taken off a whole notebook."""
_NOTHING: Final[Points] = (None, None, None)
_ROWS: Final = """
SELECT assignment.name AS lab, student.id AS student, base_cell.name AS cell, notebook.name AS notebook,
       grade.auto_score AS auto_score, grade.manual_score AS manual_score, grade.extra_credit AS extra_credit,
       submitted_notebook.late_submission_penalty AS late
FROM grade
JOIN base_cell ON base_cell.id = grade.cell_id
JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
JOIN notebook ON notebook.id = submitted_notebook.notebook_id
JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
JOIN assignment ON assignment.id = submitted_assignment.assignment_id
JOIN student ON student.id = submitted_assignment.student_id
"""


class GradeLog(Chain):
    """The log of one class. Written under :func:`~autograder.grading.locks.one_log` only."""

    remedy = "./manyhands report LAB --changes tells what else is wrong"


def folder(places: Places) -> Path:
    """Where a class has its log."""
    return places.course / "changes"


def look(places: Places, lab: str = "", student: str = "") -> tuple[Event, ...]:
    """Note what has changed since the log was last written, and nobody told it; of one lab or student, or of all.

    Raises:
        ManyHandsError: the gradebook cannot be read, or the log not written.
    """
    if not _is_there(places):
        return ()
    with one_log(places):
        return _note(places, lab, student, FOUND, "", "seen in the gradebook; not written through Many Hands")


@contextmanager
def changing(places: Places, lab: str, student: str, kind: str, why: str) -> Iterator[None]:
    """Note what the body changes, as done by whoever runs this. Nobody else can take it for found meanwhile.

    Raises as :func:`look`.
    """
    with one_log(places):
        _note(places, lab, student, FOUND, "", "seen in the gradebook; not written through Many Hands")
        yield
        _note(places, lab, student, kind, who(), why)


def changed(places: Places, lab: str, student: str, kind: str, why: str) -> tuple[Event, ...]:
    """Note what was just changed, by whoever runs this. Raises as :func:`look`."""
    with one_log(places):
        return _note(places, lab, student, kind, who(), why)


def events(places: Places, lab: str = "", student: str = "") -> tuple[Event, ...]:
    """The log, oldest first. Raises :class:`~autograder.guard.chain.ChainError` for a line that cannot be read."""
    return tuple(
        event
        for event in GradeLog(folder(places)).events()
        if "cells" in event.data and lab in ("", event.data["lab"]) and student in ("", event.data["student"])
    )


def who() -> str:
    """The person this runs for: who is signed in to the classroom, else the system's user."""
    try:
        return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def as_text(found: Sequence[Event], wrong: Sequence[str], last: str) -> str:
    """For a terminal: a line a cell, then whether the log holds."""
    lines = []
    for event in found:
        by = event.data["by"] or "?"
        head = f"{event.at[:19]}  {event.kind:<8} {by:<12} {event.data['student']}"
        for cell, (old, new) in event.data["cells"].items():
            lines.append(f"{head}  {cell}: {in_words(old)} → {in_words(new)}")
        lines.append(f"    why   {event.data['why']}")
    lines += [f"TAMPERED WITH: {sentence}" for sentence in wrong]
    if not wrong:
        lines.append(f"{len(found)} changes; the log is unbroken, its last line is {last or 'not written yet'}")
    return "\n".join(lines)


def in_words(points: Sequence[float | None]) -> str:
    """A cell's points: what counts, and where it comes from."""
    auto, manual, extra = points
    if auto is None and manual is None:
        return "none" if not extra else f"none, {extra:g} extra"
    said = f"{auto:g}" if manual is None and auto is not None else f"{manual:g} by hand"
    return said + (f", {extra:g} extra" if extra else "")


def _note(places: Places, lab: str, student: str, kind: str, by: str, why: str) -> tuple[Event, ...]:
    """Compare, and write a line for each student of whom something differs."""
    memory = _memory(folder(places))
    if memory.catch_up() and kind == FOUND:
        lab, student, kind, why = "", "", BEGAN, "there already when this log began"
    now = _held(places, lab, student)
    if lab and student:
        then = {(lab, student): memory.held.get((lab, student), {})}
    else:
        then = {key: cells for key, cells in memory.held.items() if lab in ("", key[0]) and student in ("", key[1])}
    written = []
    for key in sorted(now.keys() | then.keys()):
        cells = _difference(then.get(key, {}), now.get(key, {}))
        if cells:
            data = {"lab": key[0], "student": key[1], "by": by, "why": why, "cells": cells}
            said = f"{key[0]}, {key[1]}: {', '.join(cells)}"
            written.append(memory.log.append(kind, said, data=data))
    return tuple(written)


def _difference(then: Mapping[str, Points], now: Mapping[str, Points]) -> dict[str, tuple[Points, Points]]:
    found = {}
    for cell in sorted(then.keys() | now.keys()):
        old, new = then.get(cell, _NOTHING), now.get(cell, _NOTHING)
        if old != new:
            found[cell] = (old, new)
    return found


class _Memory:
    """What the log says that the gradebook held, as far as it has been read: a run notes thousands of grades."""

    def __init__(self, where: Path) -> None:
        where.mkdir(mode=0o700, exist_ok=True)
        self._path = where / "audit.jsonl"
        self._read = 0
        self.log = GradeLog(where)
        self.held: Held = {}

    def catch_up(self) -> bool:
        """Read what was written since; whether the log is empty. A line that is broken says nothing."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            size = 0
        if size < self._read:  # somebody took lines away
            self._read, self.held = 0, {}
        if size > self._read:
            with self._path.open("rb") as file:
                file.seek(self._read)
                *lines, torn = file.read().split(b"\n")
                self._read = file.tell() - len(torn)
            for line in lines:
                self._take(line)
        return size == 0

    def _take(self, line: bytes) -> None:
        try:
            data = json.loads(line)["data"]
            cells = {cell: _points(new) for cell, (_, new) in data["cells"].items()}
            self.held.setdefault((data["lab"], data["student"]), {}).update(cells)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return


@cache
def _memory(where: Path) -> _Memory:
    return _Memory(where)


def _points(told: Sequence[Any]) -> Points:
    auto, manual, extra = (None if one is None else float(one) for one in told)
    return auto, manual, extra


def _held(places: Places, lab: str, student: str) -> Held:
    """What the gradebook holds now."""
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    wanted = [("assignment.name = :lab", lab), ("student.id = :student", student)]
    where = " AND ".join(condition for condition, value in wanted if value)
    statement = _ROWS + (f"WHERE {where}" if where else "")
    url = _url(places)
    try:
        with _engine(url).connect() as connection:
            rows = connection.execute(text(statement), {"lab": lab, "student": student}).mappings().all()
    except (SQLAlchemyError, ImportError) as error:
        raise ManyHandsError(
            "the gradebook cannot be read for the log of changes",
            where=url.rpartition("@")[2],
            why=str(error).splitlines()[0],
            remedy="what changes meanwhile is found when it can",
        ) from error
    held: Held = {}
    for row in rows:
        cells = held.setdefault((row["lab"], row["student"]), {})
        name = row["cell"] if row["notebook"] == row["lab"] else f"{row['notebook']}/{row['cell']}"
        points = _points((row["auto_score"], row["manual_score"], row["extra_credit"]))
        if points != _NOTHING:
            cells[name] = points
        if row["late"]:
            cells[LATE] = (-float(row["late"]), None, None)
    return held


def _is_there(places: Places) -> bool:
    """Whether the class has a gradebook."""
    if not places.config.is_file():
        return False
    url = _url(places)
    return not url.startswith("sqlite:///") or Path(url.removeprefix("sqlite:///")).is_file()


def _url(places: Places) -> str:
    return _url_of(places, os.environ.get(DATABASE, ""), places.config.stat().st_mtime_ns)


@cache
def _url_of(places: Places, _database: str, _written: int) -> str:
    """The gradebook's address; running the class's configuration takes a while, and says the same until it changes."""
    return gradebook_url(places)


@cache
def _engine(url: str) -> Engine:
    """Opens a connection each time, and keeps none."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    return create_engine(url, poolclass=NullPool)
