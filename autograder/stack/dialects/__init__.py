"""A file per protocol that a server may speak besides HTTP/1.1: what arrives is counted the same way in all of them.

Runs on a node. May import the standard library, ``h2`` and what the rest of the floor says may run on nodes.
:mod:`autograder.stack.dialects.dialect` says what a file offers.
"""
