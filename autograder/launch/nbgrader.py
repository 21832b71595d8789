"""nbgrader's own commands, run in the user's class folder with this clone's settings."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from autograder.launch import jupyter
from autograder.launch.places import home as home_folder

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Run ``nbgrader ARGUMENTS`` and pass its exit code on."""
    from autograder.grading.classroom import prepare_class

    home = home_folder()
    jupyter.prepare(home)
    if not (home / "class" / "nbgrader_config.py").exists():
        prepare_class(home)
    command = [sys.executable, "-P", "-m", "autograder.launch.program", "nbgrader", *arguments]
    return subprocess.run(command, cwd=home / "class", check=False).returncode
