"""From samples to verdicts: pure functions, no side effects.

May import the data of traffic (sample.py) and nothing else of ours. Start reading at :mod:`autograder.judge.spread`.
"""
