"""Drills on a twin of one's own config: something breaks, the user's own runbook mends it, and the clock runs.

Start reading at :mod:`autograder.guard.drill.play`.
"""
