"""What stands between a change and production: its traffic measured, its way in, its way back.

May import inspect and what is below. Start reading at :mod:`autograder.guard.review` (before a change is merged) and
at :mod:`autograder.guard.guardian` (while it goes in).
"""
