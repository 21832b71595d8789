"""Notes of what the gradebook holds: which record each student's grade was written from.

A note follows the grade, so a run that is killed in between writes the same grade again, and never believes in one
that is not there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from autograder.grading.record import Record, read_record, records_of, write_whole
from autograder.grading.settings import Places
from autograder.grading.submission import Submission


@dataclass(frozen=True)
class Note:
    """What was written for one student and lab."""

    record: str
    """Name of the record's file."""
    submission: str
    """Digest of the submitted files."""
    notebook: str
    """Digest of the submitted notebook, which is shown with the evidence."""
    judged_at: str
    points: dict[str, float]
    """Check → points, as they were written."""


def note_of(record: Record, notebook: str) -> Note:
    """The note that belongs to ``record``, shown in the notebook with the digest ``notebook``."""
    points = {verdict.check: float(verdict.points) for verdict in record.verdicts}
    return Note(record.key.name, record.key.submission, notebook, record.judged_at, points)


def read_note(places: Places, lab: str, student: str) -> Note | None:
    """The note on ``student``'s grade for ``lab``, or None when no grade was written by us."""
    try:
        data = json.loads(places.written(student, lab).read_bytes())
        return Note(**{**data, "points": {str(name): float(points) for name, points in data["points"].items()}})
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def write_note(places: Places, record: Record, submission: Submission) -> None:
    """Note that the gradebook holds ``record``'s grade for ``submission``."""
    note = note_of(record, submission.notebook_digest)
    path = places.written(record.key.student, record.key.lab)
    write_whole(path, json.dumps(asdict(note), indent=1).encode())


def written_record(places: Places, lab: str, student: str) -> Record | None:
    """The record that the gradebook's grade of ``student`` for ``lab`` was written from, with its evidence.

    None when no grade was written by us, or the record is gone.
    """
    note = read_note(places, lab, student)
    if note is None:
        return None
    found = read_record(places.records, places.records / lab / student / note.record)
    if found is not None and _is_of(note, found):
        return found
    # Judged again by force, it has a newer one of the same name beside it, which may have other points.
    kept = [record for record in records_of(places.records, lab, student) if _is_of(note, record)]
    return next((record for record in kept if record.judged_at == note.judged_at), kept[-1] if kept else None)


def _is_of(note: Note, record: Record) -> bool:
    """Whether what the note tells is what ``record`` came to."""
    points = {verdict.check: float(verdict.points) for verdict in record.verdicts}
    return record.key.submission == note.submission and points == note.points
