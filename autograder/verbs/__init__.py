"""The verbs of the command line: each parses, calls and prints; what it does is imported when it is used.

May import everything but the command line itself. Start reading at :mod:`autograder.verbs.verb`.
"""
