"""Labs: loading them, the checks they may name, the examiner that answers a check, and hints.

May import the floors below: stack, traffic, judge, mistakes. Start reading at :mod:`autograder.labs.examiner`.
"""
