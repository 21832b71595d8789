"""Measuring Many Hands itself: always against a peer in the same run, so that a slow machine changes nothing.

May import everything but the verbs. Start reading at :mod:`autograder.bench.grading`.
"""
