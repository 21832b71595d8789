"""Points that a person gives in formgrader, noted with the person's name before anybody else can find them.

nbgrader's own handler writes them. If the log cannot be used, they are not given. If it fails afterwards, whoever gave
them is told so, and the next look at the log finds the change.
"""

from __future__ import annotations

from pathlib import Path

from nbgrader.api import MissingEntry
from nbgrader.server_extensions.formgrader.apihandlers import GradeHandler
from nbgrader.server_extensions.formgrader.base import check_notebook_dir, check_xsrf
from tornado import web

from autograder.errors import ManyHandsError
from autograder.grading import grade_log
from autograder.grading.settings import Places

ADDRESS = r"/formgrader/api/grade/([^/]+)"


class Given(GradeHandler):  # type: ignore[misc]  # nbgrader has no types
    """In the place of nbgrader's handler for one cell's grade."""

    @web.authenticated
    @check_xsrf  # type: ignore[untyped-decorator]  # nbgrader's
    @check_notebook_dir  # type: ignore[untyped-decorator]  # nbgrader's
    def put(self, grade_id: str) -> None:
        """Write what was given, and who gave it."""
        try:
            grade = self.gradebook.find_grade_by_id(grade_id)
        except MissingEntry:
            raise web.HTTPError(404) from None
        places = Places(Path(self.coursedir.root).parent)
        lab, student = grade.assignment.name, grade.student.id
        try:
            with grade_log.changing(places, lab, student, grade_log.BY_HAND, f"given in formgrader for {grade.name}"):
                super().put(grade_id)
        except (OSError, ManyHandsError) as error:
            raise web.HTTPError(500, f"the points were not noted: {error}") from error
