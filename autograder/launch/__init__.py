"""``up`` and ``down``: the course site and JupyterLab, started together and ended together.

May import notebook and what is below. Start reading at :mod:`autograder.launch.up`.
"""
