"""What a learner imports in JupyterLab."""
