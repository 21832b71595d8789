"""What watches over a learner's program: process 1 of the program's own pid namespace, on every engine.

Runs there with nothing but the standard library. A program waits for all of this to start, so little is imported.
"""
