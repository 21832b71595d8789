"""Grading a class: the examiner's verdicts into nbgrader's gradebook, feedback and reports.

May import labs and what is below; nbgrader is known here and nowhere else. Start reading at
:mod:`autograder.grading.batch`.
"""
