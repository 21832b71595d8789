"""Where a class lives on disk, and every nbgrader setting it needs, as plain data.

nbgrader's own configuration file (``work/class/nbgrader_config.py``), JupyterLab's server and our own runs read the
same mapping, so that ``nbgrader autograde`` by hand, formgrader's button and ``./manyhands grade`` cannot differ.
Nothing here imports nbgrader: names of its classes are strings, and reading the settings costs no start-up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.labs.catalogue import all_labs

DATABASE = "MANYHANDS_DB"
"""Environment variable with the URL of the gradebook's database."""
EXCHANGE = "MANYHANDS_EXCHANGE"
"""Environment variable with the address of a classroom's exchange; only rooms have it."""
COURSE = "many-hands"
"""nbgrader's course id."""

_STEP = "autograder.grading.nbgrader_step"

CONFIG_TEXT = '''"""The course's nbgrader settings. Add your own below the loop; this file is written only once."""

from pathlib import Path

from autograder.grading.settings import nbgrader_settings

c = get_config()  # noqa: F821 - traitlets puts it there
for section, values in nbgrader_settings(Path(__file__).resolve().parent.parent).items():
    for name, value in values.items():
        setattr(c[section], name, value)
'''
"""What a new ``nbgrader_config.py`` says."""


@dataclass(frozen=True)
class Places:
    """The folders of a class under ``home`` (``work/`` in the clone, or ``$MANYHANDS_HOME``)."""

    home: Path

    @property
    def course(self) -> Path:
        """The course folder of nbgrader: what only the instructor may read."""
        return self.home / "class"

    @property
    def exchange(self) -> Path:
        """The exchange root: what learner and instructor share."""
        return self.home / "exchange"

    @property
    def learner(self) -> Path:
        """The learner's own copies of the labs."""
        return self.home / "labs"

    @property
    def records(self) -> Path:
        """Verdict records; beside the course's other private files, never released."""
        return self.course / "records"

    @property
    def config(self) -> Path:
        """The course's nbgrader configuration."""
        return self.course / "nbgrader_config.py"

    def source(self, lab: str) -> Path:
        """The instructor's version of a lab."""
        return self.course / "source" / lab

    def release(self, lab: str) -> Path:
        """The version of a lab that learners get."""
        return self.course / "release" / lab

    def outbound(self, lab: str) -> Path:
        """A released lab in the exchange."""
        return self.exchange / COURSE / "outbound" / lab

    @property
    def inbound(self) -> Path:
        """Where learners put submissions."""
        return self.exchange / COURSE / "inbound"

    def submitted(self, student: str, lab: str) -> Path:
        """A collected submission."""
        return self.course / "submitted" / student / lab

    def autograded(self, student: str, lab: str) -> Path:
        """A submission nbgrader has graded."""
        return self.course / "autograded" / student / lab

    def written(self, student: str, lab: str) -> Path:
        """The note on which record the gradebook's grade is from."""
        return self.course / "written" / lab / f"{student}.json"

    def set_aside(self, student: str, lab: str) -> Path:
        """Where things that may not stay in a submission are moved."""
        return self.course / "set-aside" / student / lab


def nbgrader_settings(home: Path) -> Mapping[str, Mapping[str, Any]]:
    """Every nbgrader setting of the class under ``home``: section → option → value.

    Autograding runs no learner code: :class:`~autograder.grading.nbgrader_step.ExaminerPreprocessor` stands where
    nbgrader has ``Execute``, and :class:`~autograder.grading.nbgrader_step.PutInOrder` where it has steps that trust
    the submitted notebook's metadata.
    """
    home = home.absolute()
    places = Places(home)
    return {
        "CourseDirectory": {"course_id": COURSE, "root": str(places.course), **_database()},
        "Exchange": {
            "root": str(places.exchange),
            "assignment_dir": str(places.learner),
            "cache": str(home / ".submitted"),
            "path_includes_course": False,
            "timezone": "UTC",
        },
        "ExchangeFactory": {
            "collect": f"{_STEP}.Collect",
            "fetch_assignment": "autograder.grading.nbgrader_fetch.Fetch",
            **_over_http(),
        },
        "Autograde": {
            "exporter_class": f"{_STEP}.SubmissionExporter",
            "pre_convert_hook": f"{_STEP}.before_autograde",
            "post_convert_hook": f"{_STEP}.after_autograde",
            "sanitize_preprocessors": [f"{_STEP}.PutInOrder"],  # what it makes is checked once, at the end
            "autograde_preprocessors": [
                f"{_STEP}.ExaminerPreprocessor",
                f"{_STEP}.SaveVerdicts",
                "nbgrader.preprocessors.AssignLatePenalties",
                "nbgrader.preprocessors.CheckCellMetadata",
            ],
            # The files a learner works on are in the release too; autograding must not put ours over theirs.
            "exclude_overwriting": {lab.slug: list(lab.files) for lab in all_labs()},
        },
        "GenerateFeedback": {"exporter_class": f"{_STEP}.FeedbackExporter"},
        "FeedbackExporter": {"home": str(home)},
        "PutInOrder": {"home": str(home)},
        "ExaminerPreprocessor": {"home": str(home)},
        # Feedback and formgrader render what learners wrote in an instructor's session.
        "HTMLExporter": {"filters": {"markdown2html": f"{_STEP}.safe_markdown"}},
    }


def _over_http() -> Mapping[str, str]:
    """What carries a submission to the class, and feedback back, where the two share no folder: in a learner's room."""
    if not os.environ.get(EXCHANGE) or os.environ.get("MANYHANDS_ROLE") == "instructor":
        return {}
    room = "autograder.classroom.handing_in"
    return {"submit": f"{room}.Submit", "fetch_feedback": f"{room}.FetchFeedback"}


def _database() -> Mapping[str, str]:
    """Where the gradebook is, when the environment says so; nbgrader's own SQLite file otherwise.

    A plain ``postgresql://`` names the driver that is installed here.
    """
    url = os.environ.get(DATABASE, "")
    for plain in ("postgresql://", "postgres://"):
        url = url.replace(plain, "postgresql+psycopg://") if url.startswith(plain) else url
    return {"db_url": url} if url else {}


def server_environment(home: Path) -> Mapping[str, str]:
    """What JupyterLab (root ``home``) and nbgrader's command line need in their environment to find the class.

    nbgrader's server extensions read ``nbgrader_config.py`` from Jupyter's configuration path, whatever the folder.
    """
    return {"JUPYTER_CONFIG_PATH": str(Places(home.absolute()).course)}
