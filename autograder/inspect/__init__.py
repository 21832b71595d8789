"""The judgement of a lab, for a config at work: run it unedited, count, and join what was seen with its cause.

May import mistakes and what is below. Start reading at :mod:`autograder.inspect.inspection`.
"""
