"""What stands between a change and production: what it does to traffic, measured, and whether it may go in.

It judges nothing by itself: it stands on :mod:`autograder.inspect`. Start reading at :mod:`autograder.guard.review`.
"""
