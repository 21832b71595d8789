"""Grading a class: the examiner's verdicts into nbgrader's gradebook, feedback and reports."""
