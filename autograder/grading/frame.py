"""Driving nbgrader, in one process: generate, release, collect, autograde.

This file calls nbgrader; :mod:`autograder.grading.nbgrader_step` is called by it. They are apart because nbgrader's
commands and JupyterLab load that one without ever needing this one.

As a program (``python -m autograder.grading.frame HOME LAB …``) it generates and releases labs: importing nbgrader
takes seconds, and who only prepares a class must not pay for it in their own process. It prints a JSON object a lab.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbgrader.apps import NbGrader
from nbgrader.apps.api import NbGraderAPI
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from autograder.errors import ManyHandsError
from autograder.grading.intake import can_be_named, put_folder_in_order
from autograder.grading.judging import obtain
from autograder.grading.locks import one_writer
from autograder.grading.regrade import changes, held_in_words
from autograder.grading.settings import Places
from autograder.grading.written import read_note


class Frame:
    """nbgrader for the class under ``home``, with the course's own configuration file.

    ``engine`` is what a submission without a record is judged on; by default what the course's configuration says.
    ``agreed`` says that whoever calls knows which grades change though nothing new was handed in; without it they stay.
    Not for threads: nbgrader changes the working folder.
    """

    def __init__(self, home: Path, engine: str = "", *, agreed: bool = False) -> None:
        self._places = Places(home.absolute())
        _find_own_programs()
        app = NbGrader()
        app.load_cwd_config = False
        app.config_file = str(self._places.config.with_suffix(""))
        app.load_config_file()
        self._engine = engine or str(app.config.ExaminerPreprocessor.get("engine", "local"))
        app.config.ExaminerPreprocessor.engine = self._engine
        app.config.ExaminerPreprocessor.agreed = agreed
        app.config.NbGraderAPI.log_level = logging.WARNING
        self._log_quietly(app.log)
        self._api = NbGraderAPI(config=app.config)
        self._entered: set[str] = set()

    def enter(self, lab: str) -> str:
        """See to it that the gradebook knows the lab: its database may be newer than the class. Returns why not.

        Raises:
            ManyHandsError: the database does not answer.
        """
        if lab in self._entered:
            return ""
        try:
            with _calm(), self._api.gradebook as book:
                known = lab in {assignment.name for assignment in book.assignments}
        except (SQLAlchemyError, ImportError) as error:
            url = make_url(self._api.coursedir.db_url)
            raise ManyHandsError(
                "the gradebook's database cannot be used",
                where=url.render_as_string(hide_password=True),
                why=str(getattr(error, "orig", None) or error).strip().splitlines()[0],
                remedy="start it, or mend the address: --db, MANYHANDS_DB or CourseDirectory.db_url of nbgrader",
            ) from error
        why = "" if known else self.generate(lab)
        if not why:
            self._entered.add(lab)
        return why

    def generate(self, lab: str) -> str:
        """Make the lab's release from its source and enter it in the gradebook; returns why not, or nothing."""
        with _calm():
            return _why(self._api.generate_assignment(lab, force=True))

    def release(self, lab: str) -> str:
        """Put the lab's release into the exchange, in the place of an older one; returns why not, or nothing."""
        self._places.exchange.mkdir(parents=True, exist_ok=True)
        self._api.config.ExchangeReleaseAssignment.force = True
        with _calm():
            return _why(self._api.release_assignment(lab))

    def collect(self, lab: str) -> str:
        """Collect the newest submission of each learner; returns why not, or nothing."""
        with _calm():
            return _why(self._api.collect(lab, update=True))

    def autograde(self, lab: str, student: str) -> str:
        """Write the verdicts on one submission into gradebook and autograded notebook; returns why not, or nothing.

        Raises:
            OSError: the submission's folder cannot be read or put in order.
        """
        if not can_be_named(student):
            return f"nbgrader cannot look for a student called {student!r}: it takes the name for a pattern"
        put_folder_in_order(self._places, lab, student)
        with _calm():
            return _why(self._api.autograde(lab, student, force=True, create=True))

    def press(self, step: str, *arguments: str) -> dict[str, Any]:
        """What formgrader's button for one ``step`` of nbgrader's API does; its answer as plain data."""
        try:
            if step == "autograde":
                lab, student = arguments
                if can_be_named(student):
                    record, _ = obtain(self._places, lab, student, self._engine)  # takes its time, writes no grade
                    if held := changes(read_note(self._places, lab, student), record):
                        return {"success": False, "error": held_in_words(held), "log": held_in_words(held)}
                with one_writer(self._places):
                    why = self.enter(lab) or self.autograde(lab, student)
                return {"success": not why, **({"error": why, "log": why} if why else {})}
            with _calm():
                return dict(getattr(self._api, step)(*arguments))
        except (OSError, ManyHandsError) as error:
            return {"success": False, "error": str(error), "log": str(error)}

    @staticmethod
    def _log_quietly(log: logging.Logger) -> None:
        """What nbgrader logs goes into its answers; nothing goes to the terminal meanwhile."""
        for handler in list(log.handlers):
            log.removeHandler(handler)
        log.addHandler(logging.NullHandler())
        log.propagate = False


def _find_own_programs() -> None:
    """Let nbgrader find ``alembic``, which it calls by name to make a gradebook, when the environment is not active."""
    own = str(Path(sys.executable).parent)
    paths = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if own not in paths:
        os.environ["PATH"] = os.pathsep.join([own, *paths])


@contextmanager
def _calm() -> Iterator[None]:
    """Nbgrader and nbconvert warn about their own habits; nobody here can act on that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _why(answer: Mapping[str, Any]) -> str:
    """The reason, if nbgrader did not succeed: its last error lines, else its traceback's last line."""
    if answer.get("success"):
        return ""
    lines = [line for line in str(answer.get("log", "")).splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line or "[ERROR]" in line or "[CRITICAL]" in line]
    trace = str(answer.get("error", "")).strip().splitlines()
    return "\n".join((telling or lines or trace[-1:] or ["nbgrader gave no reason"])[-4:])


def main(arguments: list[str]) -> int:
    """Generate and release the labs named after the home folder."""
    home, *labs = arguments
    frame = Frame(Path(home))
    for lab in labs:
        why = frame.generate(lab) or frame.release(lab)
        print(json.dumps({"lab": lab, "why": why}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
