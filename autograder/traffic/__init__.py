"""Traffic: who sends it (clients.py), sending it (load.py), what came back (sample.py).

May import stack. Start reading at :mod:`autograder.traffic.send`.
"""
