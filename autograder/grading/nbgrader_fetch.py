"""What nbgrader's fetch loads from us: a learner's copy becomes their own on the way.

Apart from :mod:`autograder.grading.nbgrader_step`, because learners fetch in JupyterLab and never autograde.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from nbgrader.exchange.default import ExchangeFetchAssignment
from nbgrader.utils import get_username

from autograder.errors import ManyHandsError
from autograder.grading.own_copy import copy_for


class Fetch(ExchangeFetchAssignment):  # type: ignore[misc]  # nbgrader has no types
    """nbgrader's fetch, of the lab as this student has it. What is there already is never overwritten."""

    def do_copy(self, src: str, dest: str) -> None:
        """Copy ``src``, the released lab, to ``dest``; only what is missing if that is there."""
        named = self.coursedir.student_id
        student = get_username() if named == "*" else named  # as nbgrader's submit decides
        with tempfile.TemporaryDirectory() as folder:
            own = Path(folder) / Path(src).name
            try:
                copy_for(student, Path(src), own)
            except ManyHandsError as error:
                self.fail(str(error))
            super().do_copy(str(own), dest)
