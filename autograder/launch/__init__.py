"""``up`` and ``down``: the course site and JupyterLab, started together and ended together."""
