"""The catalogue: a file per mistake, found by reading a config; it explains what traffic showed, never replaces it.

May import stack, traffic and judge. Start reading at :mod:`autograder.mistakes.mistake` (what an entry must say), then
any entry.
"""
