"""Grading a class: judge what has no record yet in worker processes, write every grade in this one.

The order of things makes a run killable at any moment: a record is on disk before its grade is written, and a grade
counts as written only by a note that follows it. What is missing is done by the next run; nothing is judged twice.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.grading.intake import take_in
from autograder.grading.judging import Judge, judge, key_of, refusals
from autograder.grading.pool import Job, judge_all
from autograder.grading.record import Record, load_record, new_record, save_record, write_whole
from autograder.grading.report import Report, Row, State
from autograder.grading.settings import Places
from autograder.grading.submission import Submission
from autograder.labs.catalogue import load_lab
from autograder.labs.lab import Lab
from autograder.labs.verdict import Verdict

if TYPE_CHECKING:
    from autograder.grading.frame import Frame

Progress = Callable[[int, int, str], None]
"""Called with how many submissions are through, how many there are, and the student just done."""


@dataclass(frozen=True)
class _Judged:
    """A submission with its record, or with the reason why it has none."""

    lab: Lab
    student: str
    submission: Submission | None
    record: Record | None = None
    why: str = ""
    fresh: bool = False


class _Frame:
    """nbgrader, started when it is first needed: it takes seconds, and a run with nothing new needs none of it."""

    def __init__(self, home: Path, engine: str) -> None:
        self._home, self._engine = home, engine
        self._frame: Frame | None = None

    def __call__(self) -> Frame:
        if self._frame is None:
            from autograder.grading.frame import Frame

            self._frame = Frame(self._home, self._engine)
        return self._frame


def grade(
    home: Path,
    labs: Sequence[str],
    *,
    students: Sequence[str] = (),
    jobs: int = 0,
    engine: str = "local",
    force: bool = False,
    collect: bool = True,
    ask: Judge = judge,
    progress: Progress | None = None,
) -> Report:
    """Grade what was submitted for ``labs`` (slugs), by ``students`` (default: everybody).

    ``jobs`` is the number of judging processes, 0 for one a processor. ``force`` judges again what has a record.
    ``collect`` fetches new submissions from the exchange first. ``ask`` judges: a function that a process can pickle.
    Without ``progress`` a line is drawn on a terminal and nothing in a pipe.

    Raises:
        ManyHandsError: the class is not prepared, or there is no such lab.
    """
    began = time.monotonic()
    places = Places(home.absolute())
    chosen = [load_lab(slug) for slug in labs]
    if not places.config.is_file():
        raise ManyHandsError("there is no class here", where=str(places.course), remedy="./manyhands up")
    frame = _Frame(places.home, engine)
    notes: list[str] = []
    for lab in chosen:
        if collect and places.inbound.is_dir() and any(places.inbound.glob(f"*+{lab.slug}+*")):
            why = frame().collect(lab.slug)
            notes += [f"collecting {lab.slug}: {why}"] if why else []
    handed_in = _handed_in(places, chosen, students)
    tell = progress or (_draw if sys.stderr.isatty() else _quiet)
    rows: list[Row] = []
    for judged in _judge(places, handed_in, jobs or os.cpu_count() or 1, engine, force, ask):
        why = judged.why or _write_grade(places, judged, force, frame)
        rows.append(
            Row(
                judged.lab.slug,
                judged.student,
                State.UNGRADED if why else State.GRADED,
                judged.record,
                why,
                judged.fresh,
            )
        )
        tell(len(rows), len(handed_in), judged.student)
    rows.sort(key=lambda row: (labs.index(row.lab), row.student))
    return Report(tuple(rows), tuple(notes), time.monotonic() - began)


def _handed_in(places: Places, labs: Sequence[Lab], students: Sequence[str]) -> list[tuple[Lab, str]]:
    """Who has a folder in ``submitted/`` for which lab."""
    submitted = places.course / "submitted"
    names = sorted(path.name for path in submitted.iterdir() if path.name[0] != ".") if submitted.is_dir() else []
    wanted = set(students)
    return [
        (lab, name)
        for lab in labs
        for name in names
        if (not wanted or name in wanted) and os.path.lexists(places.submitted(name, lab.slug))
    ]


def _judge(
    places: Places, handed_in: Sequence[tuple[Lab, str]], processes: int, engine: str, force: bool, ask: Judge
) -> Iterator[_Judged]:
    """Every submission with its record: those that have one first, the others as they are judged."""
    waiting: list[tuple[Lab, Submission]] = []
    for lab, student in handed_in:
        try:
            submission = take_in(places, lab, student)
        except (OSError, ManyHandsError) as error:
            yield _Judged(lab, student, None, why=str(error))
            continue
        record = None if force else load_record(places.records, key_of(submission, lab, engine))
        if record is not None:
            yield _Judged(lab, student, submission, record)
        elif submission.refused:
            yield _recorded(places, lab, submission, engine, refusals(lab, submission.refused), 0.0)
        else:
            waiting.append((lab, submission))
    todo = [Job(lab.slug, submission.files, engine) for lab, submission in waiting]
    for index, result in judge_all(todo, processes, ask):
        lab, submission = waiting[index]
        if isinstance(result, Exception):
            why = str(result) or type(result).__name__
            if not isinstance(result, ManyHandsError):
                why = f"{type(result).__name__}: {why}"
            yield _Judged(lab, submission.student, submission, why=why, fresh=True)
        else:
            verdicts = tuple(map(Verdict.from_dict, result))
            yield _recorded(places, lab, submission, engine, verdicts, sum(verdict.seconds for verdict in verdicts))


def _recorded(
    places: Places, lab: Lab, submission: Submission, engine: str, verdicts: tuple[Verdict, ...], seconds: float
) -> _Judged:
    try:
        record = new_record(key_of(submission, lab, engine), verdicts, seconds)
    except ValueError as error:  # points that are no points
        return _Judged(lab, submission.student, submission, why=str(error), fresh=True)
    save_record(places.records, record)
    return _Judged(lab, submission.student, submission, record, fresh=True)


def _write_grade(places: Places, judged: _Judged, force: bool, frame: _Frame) -> str:
    """Have nbgrader write the grade, unless it has; returns why not, or nothing."""
    assert judged.record is not None
    assert judged.submission is not None
    slug, student = judged.lab.slug, judged.student
    record = judged.record.key.path(places.records)
    note = record.parent / "written.json"
    now = {
        "record": record.name,
        "judged_at": judged.record.judged_at,
        "notebook": judged.submission.notebook_digest,
    }
    try:
        written = json.loads(note.read_bytes())
    except (OSError, ValueError):
        written = {}
    if written == now and not force and (places.autograded(student, slug) / f"{slug}.ipynb").is_file():
        return ""
    try:
        why = frame().autograde(slug, student)
    except (OSError, ManyHandsError) as error:
        return str(error)
    if not why:
        write_whole(note, json.dumps(now).encode())
    return why


def _draw(done: int, total: int, student: str) -> None:
    """A line that is drawn over, and goes away with the last one."""
    line = f"{done}/{total}  {student[:40]}"
    sys.stderr.write(f"\r\x1b[K{line if done < total else ''}")
    sys.stderr.flush()


def _quiet(done: int, total: int, student: str) -> None:
    """In a pipe nobody watches."""
    del done, total, student
