"""The ground floor: a web stack that can be started, broken, reloaded, observed and thrown away.

May import nothing of ours but :mod:`autograder.errors` and :mod:`autograder.durable`. Start reading at
:mod:`autograder.stack.model` (what a stack is), then :mod:`autograder.stack.running` (what can be done to one).
"""
