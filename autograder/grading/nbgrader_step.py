"""What nbgrader loads from us: every class and function that :mod:`autograder.grading.settings` names.

This file is called by nbgrader; :mod:`autograder.grading.frame` calls nbgrader. Nothing else knows nbgrader.

``nbgrader autograde`` goes through a submission like this, whoever starts it (a command, formgrader, our batch):
:func:`before_autograde` puts the folder in order, :class:`SubmissionExporter` reads the notebook whatever it holds,
:class:`PutInOrder` builds it anew from the release, :class:`ExaminerPreprocessor` writes the verdicts into it,
:class:`SaveVerdicts` stores them. No cell is executed and nothing of a submission is imported.
``nbgrader generate_feedback`` makes its page with :class:`FeedbackExporter`.
"""

from __future__ import annotations

import datetime
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import bleach
import nbformat
from nbconvert.exporters import HTMLExporter, NotebookExporter
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbgrader.exchange.default import ExchangeCollect
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from traitlets import Bool, Unicode

from autograder.errors import ManyHandsError
from autograder.grading import grade_log
from autograder.grading.evidence import as_html, as_text
from autograder.grading.intake import can_be_named, put_folder_in_order, wanted_files
from autograder.grading.judging import OursError, obtain
from autograder.grading.locks import begin_writing, end_writing
from autograder.grading.own_copy import released_to
from autograder.grading.put_in_order import put_in_order, read_notebook
from autograder.grading.record import Record, sound
from autograder.grading.regrade import changes, held_in_words
from autograder.grading.settings import Places
from autograder.grading.submission import Submission
from autograder.grading.tidy import copy_plain
from autograder.grading.variants import variant_of
from autograder.grading.written import read_note, write_note, written_record
from autograder.labs.catalogue import load_lab
from autograder.labs.verdict import Verdict

_nbformat: Any = nbformat
"""It carries no types."""
_BY_HAND = "many_hands_graded_by_hand"

_under_way: dict[tuple[str, str], tuple[Record, Submission]] = {}
"""Student and lab → what is being written for them; nbgrader hands nothing from its steps on to its hooks."""
_by_hand: set[Places] = set()
"""Classes whose grades this process writes at the moment without one of our runs around it."""
_TAGS = frozenset(
    {f"h{level}" for level in range(1, 7)}
    | {"p", "br", "hr", "div", "span", "strong", "em", "b", "i", "u", "s", "del", "ins", "sub", "sup", "small", "mark"}
    | {"kbd", "code", "pre", "blockquote", "ul", "ol", "li", "dl", "dt", "dd", "details", "summary", "abbr", "a", "img"}
    | {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption"}
)
"""What Markdown makes, and nothing that acts."""


def before_autograde(*, assignment: str, student: str, notebooks: list[str], **_: Any) -> None:  # noqa: ARG001 - nbgrader's signature
    """Put the submission in order, have nbgrader convert the lab's notebook only, and let nobody else write meanwhile.

    nbgrader calls it before it copies anything of a submission. ``student`` may be a pattern there; the folder is told
    by ``notebooks``, nbgrader's own list, which is changed in place. nbgrader swallows what a hook raises: what must
    not happen afterwards is prevented by what follows, not by this.
    """
    folder = Path(notebooks[0]).parent
    notebooks[:] = []  # should the next line raise, nbgrader finds nothing to grade here
    places = Places(folder.parents[3])
    if begin_writing(places):  # by hand: our own runs have begun already
        _by_hand.add(places)
    put_folder_in_order(places, folder.name, folder.parent.name)
    with _noting(notebooks):
        grade_log.look(places, folder.name, folder.parent.name)
    notebooks[:] = [str(folder / f"{folder.name}.ipynb")]


def after_autograde(*, assignment: str, student: str, notebooks: list[str], **_: Any) -> None:  # noqa: ARG001 - nbgrader's signature
    """Note which record the grade is from, whoever had it written. nbgrader calls it when all is written."""
    folder = Path(notebooks[0]).parent
    record, submission = _under_way.pop((folder.parent.name, folder.name))
    places = Places(folder.parents[3])
    write_note(places, record, submission)
    with _noting(notebooks):
        why = f"judged {record.judged_at}, submission {record.key.submission[:12]}"
        grade_log.changed(places, folder.name, folder.parent.name, grade_log.GRADED, why)
    if places in _by_hand:  # until then, or until the command ends
        _by_hand.remove(places)
        end_writing(places)


@contextmanager
def _noting(notebooks: list[str]) -> Iterator[None]:
    """A log of changes that cannot be written stops no grade: what it lacks is found by the next look."""
    try:
        yield
    except (OSError, ManyHandsError) as error:
        logging.getLogger("nbgrader").warning("%s: the log of changes: %s", notebooks, error)


class Collect(ExchangeCollect):  # type: ignore[misc]  # nbgrader has no types
    """nbgrader's collect, for an inbound folder anybody may write to.

    Follows no link, takes plain files within limits, and steps over a submission whose name or contents would stop it.
    """

    def _path_to_record(self, path: str) -> dict[str, Any]:
        nobody = {"username": "", "filename": Path(path).name, "timestamp": datetime.datetime.min}
        try:
            record: dict[str, Any] = super()._path_to_record(path)
        except Exception:  # fail() and dateutil raise many kinds for a name that is none
            return nobody
        return record if can_be_named(record["username"]) else nobody

    src_records: list[dict[str, Any]]

    def init_src(self) -> None:
        """Find what was submitted; leave out what nobody can have submitted."""
        super().init_src()
        for record in self.src_records:
            if not record["username"]:
                self.log.warning("Not a submission, left where it is: %s", record["filename"])
        self.src_records = [record for record in self.src_records if record["username"]]

    def do_copy(self, src: str, dest: str, log: Any = None) -> None:
        """Copy one submission."""
        del log
        slug = self.coursedir.assignment_id
        try:
            refused = copy_plain(Path(src), Path(dest), wanted_files(Places(Path(self.coursedir.root).parent), slug))
        except OSError as error:
            self.log.error("%s cannot be collected: %s", src, error)
            return
        for entry in refused:
            self.log.warning("%s: %s was not taken: %s", src, entry.path, entry.reason)


class SubmissionExporter(NotebookExporter):
    """Reads any file as a notebook; :class:`PutInOrder` then makes the lab's notebook of it."""

    def from_file(self, file_stream: Any, resources: Any = None, **kw: Any) -> tuple[Any, Any]:
        """The notebook in ``file_stream``, or an empty one that says it could not be read."""
        try:
            text = file_stream.read()
        except (OSError, UnicodeDecodeError) as error:
            text = f"not text: {error}"
        convert: Any = self.from_notebook_node
        notebook, resources = convert(read_notebook(text), resources=resources, **kw)
        return notebook, resources


class PutInOrder(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Sanitizing: the released notebook, with the learner's words in their places.

    Stands for nbgrader's ClearOutput, DeduplicateIds, OverwriteKernelspec and OverwriteCells, which trust the submitted
    metadata enough to stop at it, and which bring hidden tests back into what feedback shows.
    """

    home = Unicode("", help="The class's home folder.").tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Take nothing from ``nb`` but text."""
        names = resources["nbgrader"]
        released = released_to(Places(Path(self.home)), names["assignment"], names["student"])
        return put_in_order(nb, released), resources


class ExaminerPreprocessor(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """In the place of ``Execute``: each grade cell gets its check's score and evidence as output.

    The verdicts come from the record of the submission, or are made now. When we fail, this raises, and nbgrader writes
    no grade for the submission. A grade that would change though nothing new was handed in is written only if somebody
    agreed; else the one that was written is written again, and a warning says what was held back.
    """

    home = Unicode("", help="The class's home folder.").tag(config=True)
    engine = Unicode("local", help="The engine a submission is judged on when there is no record yet.").tag(config=True)

    agreed = Bool(False, help="Whether a grade may change though nothing new was handed in.").tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Write the verdicts on the submission into its notebook.

        Raises:
            OursError: the submission could not be judged, and it is not its author's fault; or its grade would change
                without anybody's consent, and what it was written from is gone.
        """
        names = resources["nbgrader"]
        places = Places(Path(self.home))
        record, submission = obtain(places, names["assignment"], names["student"], self.engine)
        if not self.agreed and (held := changes(read_note(places, names["assignment"], names["student"]), record)):
            before = written_record(places, names["assignment"], names["student"])
            if before is None:
                raise OursError(held_in_words(held), why="the record that it was written from is gone")
            self.log.warning(held_in_words(held))
            record = before
        _under_way[names["student"], names["assignment"]] = record, submission
        verdicts = {verdict.check: verdict for verdict in record.verdicts}
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs = []
            ours = cell.metadata.get("nbgrader", {})
            if not ours.get("grade") or ours.get("solution") or cell.cell_type != "code":
                continue
            verdict = verdicts.get(ours["grade_id"])
            if verdict is None:
                # The instructor's own cell: without an output nbgrader would give it full marks.
                cell.metadata[_BY_HAND] = True
            else:
                cell.outputs = _outputs(verdict, float(ours["points"]))
        return nb, resources


class SaveVerdicts(SaveAutoGrades):  # type: ignore[misc]  # nbgrader has no types
    """nbgrader's own SaveAutoGrades; a grade cell without a check waits for the instructor."""

    def _add_score(self, cell: Any, resources: Any) -> None:
        super()._add_score(cell, resources)
        if cell.metadata.pop(_BY_HAND, False):
            grade = self.gradebook.find_grade(
                cell.metadata["nbgrader"]["grade_id"], self.notebook_id, self.assignment_id, self.student_id
            )
            grade.auto_score = None
            grade.needs_manual_grade = True
            self.gradebook.db.commit()


class FeedbackExporter(HTMLExporter):
    """The page that a learner gets: nbgrader's own, with the titles of our checks in its list.

    nbgrader calls each of them "Test cell" there (0.9.x, its template ``feedback``), which tells nobody where points
    were lost. Other settings are those of ``HTMLExporter``.
    """

    home = Unicode("", help="The class's home folder.").tag(config=True)

    def from_notebook_node(self, nb: Any, resources: Any = None, **kw: Any) -> tuple[Any, Any]:
        """The page, and nbconvert's resources. A notebook of no lab of ours keeps nbgrader's words."""
        convert: Any = super().from_notebook_node
        page, resources = convert(nb, resources=resources, **kw)
        names = resources["nbgrader"]
        try:
            lab = load_lab(names["assignment"], variant_of(Places(Path(self.home)), names["student"]))
        except ManyHandsError:
            return page, resources
        for check in lab.checks:
            link = f'<a href="#{check.name}">'
            page = page.replace(f"{link}Test cell</a>", f"{link}{escape(check.title)}</a>")
        return page, resources


def safe_markdown(source: str) -> str:
    """Markdown as HTML without script, forms, frames or event handlers: an instructor reads what learners wrote."""
    cleaned: str = bleach.clean(
        markdown2html_mistune(source),
        tags=_TAGS,
        attributes={"*": ["class", "id", "title"], "a": ["href"], "img": ["src", "alt", "width"], "td": ["align"]},
        protocols=["http", "https", "mailto", "data"],
    )
    return cleaned


def _outputs(verdict: Verdict, worth: float) -> list[Any]:
    """Evidence to read, then the number nbgrader takes for the score: ``worth`` are the cell's points."""
    sound(verdict)
    if verdict.max_points == worth:
        score = verdict.points
    else:  # the instructor gave the cell other points than the lab does
        score = worth * verdict.points / verdict.max_points if verdict.max_points else 0.0
    if not (math.isfinite(score) and 0 <= score <= worth):
        raise ValueError(f"check {verdict.check}: {score} of {worth} points")
    return [
        _nbformat.v4.new_output("display_data", data={"text/html": as_html(verdict), "text/plain": as_text(verdict)}),
        _nbformat.v4.new_output("execute_result", data={"text/plain": repr(score)}, execution_count=None),
    ]
