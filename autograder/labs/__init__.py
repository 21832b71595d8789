"""Labs: loading them, the checks they may name, the examiner that answers a check, and hints.

May import guard and what is below. Start reading at :mod:`autograder.labs.examiner`.
"""
