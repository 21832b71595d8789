"""Grading a class: the examiner's verdicts into nbgrader's gradebook, feedback and reports.

May import labs and what is below; nbgrader is known here and nowhere else. Start reading at
:mod:`autograder.grading.batch`.
"""

import sys
from typing import Final

WITHOUT: Final = "rfc3987_syntax"
"""A package that is not to be imported. Nbformat's jsonschema would build a grammar of addresses with it, which takes a
second or two of processor in every process that reads a notebook; no notebook has such an address."""
sys.modules.setdefault(WITHOUT, None)  # type: ignore[arg-type]  # None says so to the import system
