"""A file per balancer: how to check, start and reload it, and how to read which config it really runs.

May import ``stack.engine``, ``stack.procfs`` and nothing above. :mod:`autograder.stack.proxies.proxy` says what each
file offers.
"""
