"""What is there to grade: every submission with its record, or with what has to be judged.

A class of thousands is looked through first, so that the time left can be told. Of each submission only digests are
kept; its bytes are read again when its turn comes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from autograder.errors import ManyHandsError
from autograder.grading.intake import take_in
from autograder.grading.judging import Task, complete, key_of, refusals, still_good
from autograder.grading.record import Key, Record, load_record, records_of, save_record
from autograder.grading.secret import class_secret, seed_of
from autograder.grading.settings import Places
from autograder.grading.submission import Submission
from autograder.grading.variants import class_seed
from autograder.labs.catalogue import load_lab
from autograder.labs.lab import Lab, Variant


@dataclass(frozen=True)
class Entry:
    """One submission of the class. It has a ``record``, or checks to ``judge``, or a reason ``why`` it has neither."""

    lab: str
    student: str
    key: Key | None = None
    notebook: str = ""
    """Digest of the notebook."""
    record: Record | None = None
    """Without its evidence."""
    judge: tuple[str, ...] = ()
    """Names of the checks to judge."""
    changed: tuple[str, ...] = ()
    """Of those, the checks that were judged before and are others now."""
    why: str = ""
    fresh: bool = False
    """Whether the record was made in this run."""


class Survey:
    """The submissions of a class for some labs, by some students; each student has their own variant of a lab."""

    def __init__(self, places: Places, labs: Sequence[str], students: Sequence[str], engine: str) -> None:
        self._places, self._engine = places, engine
        self._common = {slug: load_lab(slug) for slug in labs}
        self._seed = class_seed(places)
        self._students = set(students)
        self._secret = b""

    def handed_in(self) -> list[tuple[str, str]]:
        """Lab and student of every folder in ``submitted/``."""
        submitted = self._places.course / "submitted"
        names = sorted(path.name for path in submitted.iterdir() if path.name[0] != ".") if submitted.is_dir() else []
        return [
            (slug, name)
            for slug in self._common
            for name in names
            if (not self._students or name in self._students) and os.path.lexists(self._places.submitted(name, slug))
        ]

    def look(self, force: bool) -> Iterator[Entry]:
        """Every submission; with ``force`` as if none had been judged before."""
        for slug, student in self.handed_in():
            try:
                yield self._look(slug, student, force)
            except (OSError, ManyHandsError) as error:
                yield Entry(slug, student, why=str(error))

    def task(self, entry: Entry) -> tuple[Entry, Task]:
        """What a worker needs to judge ``entry``, which is returned as it is now: it may have been collected anew.

        Raises:
            OSError: the submission cannot be read.
            ManyHandsError: the class's secret cannot.
        """
        lab = self._lab(entry.lab, entry.student)
        submission = take_in(self._places, lab, entry.student)
        now = self._entry(lab, submission)
        judge = entry.judge if now.key == entry.key else tuple(check.name for check in lab.checks)
        if not self._secret:
            self._secret = class_secret(self._places)
        seed = seed_of(self._secret, submission.files)
        return replace(now, judge=judge), Task(entry.lab, submission.files, seed, self._engine, lab.variant, judge)

    def record(self, entry: Entry, fresh: list[dict[str, object]]) -> Entry:
        """``entry`` with its record, which is saved: of the verdicts just made and those that still hold.

        Raises:
            ValueError: ``fresh`` are no verdicts on the checks to judge.
        """
        lab = self._lab(entry.lab, entry.student)
        assert entry.key is not None
        kept = {} if len(entry.judge) == len(lab.checks) else still_good(self._places, lab, entry.key)
        kept = {name: verdict for name, verdict in kept.items() if name not in entry.judge}
        record = complete(lab, entry.key, kept, fresh)
        save_record(self._places.records, record)
        return replace(entry, record=record.lean(), fresh=True)

    def _look(self, slug: str, student: str, force: bool) -> Entry:
        lab = self._lab(slug, student)
        submission = take_in(self._places, lab, student)
        entry = self._entry(lab, submission)
        assert entry.key is not None
        names = tuple(check.name for check in lab.checks)
        record = None if force else load_record(self._places.records, entry.key)
        if record is not None:
            return replace(entry, record=record.lean())
        if submission.refused:
            told = [verdict.to_dict() for verdict in refusals(lab, submission.refused)]
            return self.record(replace(entry, judge=names), told)
        if force:
            return replace(entry, judge=names)
        good = still_good(self._places, lab, entry.key)
        judge = tuple(name for name in names if name not in good)
        before = {
            verdict.check
            for record in records_of(self._places.records, slug, student)
            if (record.key.submission, record.key.engine) == (submission.digest, self._engine)
            for verdict in record.verdicts
        }
        entry = replace(entry, judge=judge, changed=tuple(name for name in judge if name in before))
        return entry if judge else self.record(entry, [])

    def _lab(self, slug: str, student: str) -> Lab:
        return load_lab(slug, Variant(self._seed, student)) if self._seed else self._common[slug]

    def _entry(self, lab: Lab, submission: Submission) -> Entry:
        key = key_of(submission, lab, self._engine)
        return Entry(lab.slug, submission.student, key, submission.notebook_digest)


def affected(entries: Sequence[Entry]) -> list[str]:
    """A sentence for each lab of which checks changed since they were judged: which, and who is judged again."""
    said = []
    for slug in dict.fromkeys(entry.lab for entry in entries):
        again = [entry for entry in entries if entry.lab == slug and entry.changed]
        if again:
            checks = ", ".join(dict.fromkeys(name for entry in again for name in entry.changed))
            total = sum(entry.lab == slug for entry in entries)
            names = ", ".join(entry.student for entry in again[:8]) + (" …" if len(again) > 8 else "")
            said.append(f"{slug}: {checks} changed; {len(again)} of {total} submissions are judged again ({names})")
    return said
