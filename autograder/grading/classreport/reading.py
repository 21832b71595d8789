"""Reading a class's work on one lab: verdict records, what was handed in, and when. Nothing is changed.

What a learner handed in is read without trust (:mod:`autograder.grading.submission`); records that cannot be read are
left out and named. Only the records of the lab are opened, and of each submission one.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from autograder.errors import ManyHandsError
from autograder.grading.classreport.entries import Attempt, ClassWork, Entry
from autograder.grading.classreport.oddities import text_of
from autograder.grading.record import Record, read_record
from autograder.grading.settings import Places
from autograder.grading.submission import RefusedError, Submission, read_plain, read_submission
from autograder.grading.written import read_note
from autograder.labs.catalogue import load_lab
from autograder.labs.lab import Lab

Undo = Callable[[str, Mapping[str, bytes]], tuple[Mapping[str, str], tuple[str, ...]]]
"""Student and files → their text with the lab's own names where the student's variant has others, and the servers they
name that only other variants have."""

_STAMP: Final = 200
"""Bytes a ``timestamp.txt`` may have."""
_MOST_INBOUND: Final = 50
"""Submissions of one student that are looked into for when an attempt was handed in."""


def read_class(home: Path, slug: str, undo: Undo | None = None) -> ClassWork:
    """Everybody's work on the lab ``slug`` in the class under ``home``, in the order of the students' names.

    Raises:
        ManyHandsError: there is no class, no such lab, or nobody handed in.
    """
    places = Places(home.absolute())
    lab = load_lab(slug)
    if not places.course.is_dir():
        raise ManyHandsError("there is no class here", where=str(places.course), remedy="./manyhands up")
    students = _students(places, slug)
    if not students:
        raise ManyHandsError(
            f"nobody handed in {slug}",
            where=str(places.course / "submitted"),
            remedy=f"./manyhands grade {slug} collects what learners submitted",
        )
    damaged: list[str] = []
    inbound = _inbound(places, slug)
    entries = []
    older, version = 0, lab.version
    for student in students:
        reader = _Reader(places, lab, student, inbound.get(student, ()), damaged)
        entry, judged_by = reader.entry(undo)
        older += bool(judged_by) and judged_by != version
        entries.append(entry)
    # Each variant of a lab has a version of its own, and telling an old one would mean making them all.
    return ClassWork(lab, tuple(entries), tuple(damaged), 0 if undo else older)


class _Reader:
    """One student's files; what is damaged is noted in ``damaged``."""

    def __init__(
        self, places: Places, lab: Lab, student: str, inbound: tuple[tuple[datetime, Path], ...], damaged: list[str]
    ) -> None:
        self._places, self._lab, self._student, self._inbound, self._damaged = places, lab, student, inbound, damaged
        self._folder = places.submitted(student, lab.slug)
        self._records_folder = places.records / lab.slug

    def entry(self, undo: Undo | None) -> tuple[Entry, str]:
        """The student's entry, and the version of the checks that judged it (empty: not judged)."""
        submission = self._submission(self._folder)
        current = submission.digest if submission else ""
        at = self._stamp()
        judged = self._judged(current)
        times = self._times(current, at) if len(judged) > 1 else {current: at} if at else {}
        attempts = {digest: Attempt(found.verdicts, times.get(digest)) for digest, found in judged.items()}
        order = sorted(
            judged, key=lambda digest: (digest == current, times.get(digest) or self._when(judged[digest]), digest)
        )
        data = submission.files if submission else {}
        files, strangers = (undo or _as_written)(self._student, data)
        handed_in = sorted({time for time, _ in self._inbound} | ({at} if at else set()))
        entry = Entry(
            student=self._student,
            now=attempts.get(current),
            attempts=tuple(attempts[digest] for digest in order),
            handed_in=tuple(handed_in),
            files=files,
            strangers=strangers,
        )
        return entry, judged[current].key.lab_version if current in judged else ""

    def _judged(self, current: str) -> dict[str, Record]:
        """Digest of each submission that was judged → its record; only that of ``current`` has its evidence.

        Where one submission has several (another engine, another version of the checks), the one that the gradebook has
        counts, else the one judged last.
        """
        folder = self._records_folder / self._student
        found: dict[str, list[Record]] = defaultdict(list)
        for name in _names(folder):
            if not name.endswith(".json") or name.count("-") < 2 or name[0] == ".":
                continue
            path = folder / name
            whole = bool(current) and current.startswith(name.partition("-")[0])
            try:
                record = read_record(self._places.records, path) if whole else _bare(path)
            except RecursionError:
                record = None
            if record is None or (record.key.student, record.key.lab) != (self._student, self._lab.slug):
                self._damaged.append(f"{self._student}/{name}")
            else:
                found[record.key.submission].append(record)
        return {digest: each[0] if len(each) == 1 else self._last(each) for digest, each in found.items()}

    def _last(self, records: list[Record]) -> Record:
        note = read_note(self._places, self._lab.slug, self._student)
        name = note.record if note else ""
        return max(records, key=lambda each: (each.key.name == name, self._when(each), each.key.name))

    def _when(self, record: Record) -> datetime:
        """When it was judged; looked up where it was read without its evidence."""
        if not record.judged_at:
            record = read_record(self._places.records, record.key.path(self._places.records)) or record
        return moment(record.judged_at) or _NEVER

    def _submission(self, folder: Path) -> Submission | None:
        try:
            # Not the notebook: it may be large, and no verdict hangs on it.
            return read_submission(
                folder, student=self._student, lab=self._lab.slug, files=self._lab.files, notebook=""
            )
        except OSError:
            return None

    def _stamp(self) -> datetime | None:
        try:
            return moment(read_plain(self._folder, "timestamp.txt", _STAMP).decode("ascii"))
        except (OSError, RefusedError, UnicodeDecodeError):
            return None

    def _times(self, current: str, at: datetime | None) -> dict[str, datetime]:
        """Digest → when it was first handed in, as far as the exchange tells; the ``current`` one came ``at``."""
        times: dict[str, datetime] = {}
        for time, folder in self._inbound[:_MOST_INBOUND]:
            if time == at:  # it was collected: no need to read it again
                times.setdefault(current, time)
            elif (submission := self._submission(folder)) is not None:
                times.setdefault(submission.digest, time)
        if at is not None:
            times.setdefault(current, at)
        return times


_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def _as_written(student: str, files: Mapping[str, bytes]) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """In a class where everybody has the same lab."""
    del student
    return {name: text_of(data) for name, data in files.items()}, ()


def moment(text: str) -> datetime | None:
    """A time as nbgrader writes it (``2026-11-22 16:27:38.123 UTC``), or in ISO 8601; None for anything else.

    >>> moment("2026-11-22 16:27:38.5 UTC").isoformat()
    '2026-11-22T16:27:38.500000+00:00'
    """
    try:
        found = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _bare(path: Path) -> Record | None:
    """The record in a file without its evidence, or None when it is no sound one."""
    try:
        return Record.from_dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _students(places: Places, slug: str) -> list[str]:
    folder = places.course / "submitted"
    return [name for name in _names(folder) if name[0] != "." and os.path.lexists(folder / name / slug)]


def _inbound(places: Places, slug: str) -> dict[str, tuple[tuple[datetime, Path], ...]]:
    """Student → (time, folder) of each submission in the exchange, oldest first; the names are nbgrader's."""
    found: dict[str, list[tuple[datetime, Path]]] = defaultdict(list)
    for name in _names(places.inbound):
        parts = name.split("+")
        if len(parts) >= 3 and parts[1] == slug and (time := moment(parts[2])) is not None:
            found[parts[0]].append((time, places.inbound / name))
    return {student: tuple(sorted(each)) for student, each in found.items()}


def _names(folder: Path) -> list[str]:
    """What is in ``folder``, in order; nothing when it is not there."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - thousands of folders, and a Path for each name would cost more
    except OSError:
        return []
