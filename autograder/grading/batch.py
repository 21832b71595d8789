"""Grading a class: judge what has no record yet, in processes or on a cluster, and write every grade from here.

The order of things makes a run killable at any moment: a record is on disk before its grade is written, and a grade
counts as written only by a note that follows it. What is missing is done by the next run; nothing is judged twice.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.grading import pool
from autograder.grading.interrupt import uninterrupted
from autograder.grading.judging import Judge, Task, judge
from autograder.grading.locks import one_run, one_writer
from autograder.grading.progress import Line, Progress, Step, quiet
from autograder.grading.regrade import Change, changes
from autograder.grading.report import Report, Row, State
from autograder.grading.settings import Places
from autograder.grading.survey import Entry, Survey, affected
from autograder.grading.written import note_of, read_note
from autograder.labs.catalogue import load_lab

if TYPE_CHECKING:
    from autograder.grading.frame import Frame

Confirm = Callable[[Sequence[Change]], bool]
"""Shown how written grades would change; whether to write them."""
Say = Callable[[str], None]


def grade(
    home: Path,
    labs: Sequence[str],
    *,
    students: Sequence[str] = (),
    jobs: int = 0,
    cluster: str = "",
    engine: str = "local",
    force: bool = False,
    collect: bool = True,
    ask: Judge = judge,
    progress: Progress | None = None,
    confirm: Confirm | None = None,
    say: Say | None = None,
) -> Report:
    """Grade what was submitted for ``labs`` (slugs), by ``students`` (default: everybody).

    ``jobs`` is the number of judging processes, 0 for :func:`pool.enough`; with ``cluster``, the address of a Dask
    scheduler, its workers judge instead. ``force`` judges again what has a record. ``collect`` fetches new submissions
    from the exchange first. ``ask`` judges: a function that a process can pickle. Without ``progress`` a line is drawn
    on a terminal and nothing in a pipe. Grades that would change without a new submission are written only if
    ``confirm`` says so. ``say`` gets what is worth knowing while it happens.

    Raises:
        ManyHandsError: the class is not prepared, it is being graded already, there is no such lab, the cluster cannot
            be used, or somebody pressed Ctrl-C (exit code 130).
    """
    places = Places(home.absolute())
    for slug in labs:
        load_lab(slug)
    if not places.config.is_file():
        raise ManyHandsError("there is no class here", where=str(places.course), remedy="./manyhands up")
    run = _Run(places, tuple(labs), engine, force, progress or (Line() if sys.stderr.isatty() else quiet), say)
    with one_run(places):
        try:
            return run(students, jobs or pool.enough(), cluster, collect, ask, confirm)
        except KeyboardInterrupt:
            raise ManyHandsError(
                "stopped",
                why=f"{run.written} of {run.total or 'all'} submissions have their grades",
                remedy="run the same command again: it goes on from there, and judges nothing twice",
                exit_code=130,
            ) from None


class _Run:
    """One run: what it has done so far, and how far it is."""

    def __init__(
        self, places: Places, labs: Sequence[str], engine: str, force: bool, tell: Progress, say: Say | None
    ) -> None:
        self._places, self._labs, self._engine, self._force = places, labs, engine, force
        self._tell = tell
        self._notes: list[str] = []
        self._aloud = say
        self._frame: Frame | None = None
        self._rows: list[Row] = []
        self._held: list[tuple[Entry, tuple[Change, ...]]] = []
        self._judged = self._to_judge = 0
        self.total = 0

    @property
    def written(self) -> int:
        """How many submissions are known to have their grade."""
        return sum(row.state is State.GRADED for row in self._rows)

    def __call__(
        self, students: Sequence[str], jobs: int, cluster: str, collect: bool, ask: Judge, confirm: Confirm | None
    ) -> Report:
        began = time.monotonic()
        if collect:
            self._collect()
        survey = Survey(self._places, self._labs, students, self._engine)
        handed_in = len(survey.handed_in())
        entries: list[Entry] = []
        for entry in survey.look(self._force):
            entries.append(entry)
            self._tell(Step(len(entries), 1 + handed_in, 0, 0, entry.student))
        waiting = [entry for entry in entries if not entry.record and not entry.why]
        self.total, self._to_judge = len(entries), len(waiting)
        for sentence in affected(waiting):
            self._note(sentence)
        for entry in entries:
            if entry.record or entry.why:
                self._settle(entry)
        for entry in self._judge(survey, waiting, jobs, cluster, ask):
            self._judged += 1
            self._settle(entry)
        self._settle_held(confirm)
        rows = sorted(self._rows, key=lambda row: (self._labs.index(row.lab), row.student))
        held = tuple(change for _, found in self._held for change in found)
        return Report(tuple(rows), tuple(self._notes), time.monotonic() - began, held)

    def _collect(self) -> None:
        inbound = self._places.inbound
        for slug in self._labs:
            if inbound.is_dir() and any(inbound.glob(f"*+{slug}+*")):
                with uninterrupted():
                    why = self._nbgrader().collect(slug)
                if why:
                    self._note(f"collecting {slug}: {why}")

    def _judge(self, survey: Survey, waiting: Sequence[Entry], jobs: int, cluster: str, ask: Judge) -> Iterator[Entry]:
        """Each of ``waiting`` with its record, which is on disk, or with the reason why it has none."""
        under_way: dict[int, Entry] = {}

        def load(index: int) -> Task:
            under_way[index], task = survey.task(waiting[index])
            return task

        if not waiting:
            return
        if cluster:
            from autograder.grading.cluster import judge_all

            labs = tuple(dict.fromkeys(entry.lab for entry in waiting))
            results = judge_all(len(waiting), load, cluster, ask, labs, self._note)
        else:
            results = pool.judge_all(len(waiting), load, jobs, ask)
        for index, result in results:
            entry = under_way.pop(index, waiting[index])
            if isinstance(result, ManyHandsError):
                yield replace(entry, why=str(result), fresh=True)
            elif isinstance(result, Exception):
                yield replace(entry, why=f"{type(result).__name__}: {result}", fresh=True)
            else:
                try:
                    yield survey.record(entry, result)
                except ValueError as error:  # points that are no points
                    yield replace(entry, why=str(error), fresh=True)

    def _settle(self, entry: Entry) -> None:
        """See to it that the gradebook has the grade of ``entry``, or that it is known why not."""
        if entry.record is None:
            self._row(entry, State.UNGRADED, entry.why or "nobody judged it")
            return
        note = read_note(self._places, entry.lab, entry.student)
        shown = (self._places.autograded(entry.student, entry.lab) / f"{entry.lab}.ipynb").is_file()
        if note == note_of(entry.record, entry.notebook) and shown and not self._force:
            self._row(entry, State.GRADED)
        elif found := changes(note, entry.record):
            self._held.append((entry, found))
            self._step(entry)
        else:
            self._write(entry)

    def _settle_held(self, confirm: Confirm | None) -> None:
        found = tuple(change for _, rows in self._held for change in rows)
        if found and confirm is not None and confirm(found):
            held, self._held = self._held, []
            for entry, _ in held:
                self._write(entry)
        for entry, _ in self._held:
            self._row(entry, State.HELD)

    def _write(self, entry: Entry) -> None:
        """Have nbgrader write the grade. A database that does not answer ends the run: the records are kept."""
        with uninterrupted(), one_writer(self._places):
            why = self._nbgrader().enter(entry.lab)
        try:
            if not why:
                with uninterrupted(), one_writer(self._places):
                    why = self._nbgrader().autograde(entry.lab, entry.student)
        except (OSError, ManyHandsError) as error:
            why = str(error)
        self._row(entry, State.UNGRADED if why else State.GRADED, why)

    def _row(self, entry: Entry, state: State, why: str = "") -> None:
        self._rows.append(Row(entry.lab, entry.student, state, entry.record, why, entry.fresh))
        self._step(entry)

    def _step(self, entry: Entry) -> None:
        done = min(self.total, len(self._rows) + len(self._held))
        self._tell(Step(done, self.total, self._judged, self._to_judge, entry.student))

    def _note(self, sentence: str) -> None:
        self._notes.append(sentence)
        if self._aloud is not None:
            self._aloud(sentence)

    def _nbgrader(self) -> Frame:
        """nbgrader, started when it is first needed: it takes seconds, and a run with nothing new needs none of it."""
        if self._frame is None:
            from autograder.grading.frame import Frame

            self._frame = Frame(self._places.home, self._engine, agreed=True)
        return self._frame
