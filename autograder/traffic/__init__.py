"""Traffic: who sends it (clients.py), sending it (load.py), what came back (sample.py). Imports stack only."""
