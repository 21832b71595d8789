"""What a learner imports in JupyterLab: ``from autograder.notebook import open_lab``.

May import grading and what is below. Start reading at :mod:`autograder.notebook.session`.
"""

from autograder.notebook.opening import open_lab
from autograder.notebook.session import LabSession
from autograder.notebook.shift import Shift, take_shift

__all__ = ["LabSession", "Shift", "open_lab", "take_shift"]
