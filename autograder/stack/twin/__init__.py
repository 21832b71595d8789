"""A twin: a sandboxed stack that runs somebody's production config, unedited, against stand-in servers.

Start reading at :mod:`autograder.stack.twin.twin`.
"""
