"""The learner's own folder of a lab, for who opens it outside JupyterLab, and handing it in from there."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.launch.places import home as home_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def own_lab(slug: str, say: Callable[[str], None]) -> Path:
    """The folder that JupyterLab has for this lab, too. Made as ``up`` makes it when it is not there."""
    home = home_folder()
    own = home / "labs" / slug
    if not own.is_dir():
        from autograder.grading.classroom import prepare_class
        from autograder.launch import jupyter

        jupyter.prepare(home)
        prepare_class(home, [slug], progress=say)
    return own


def submit(slug: str) -> str:
    """Hand the lab's folder in, as nbgrader's own button in JupyterLab does; tells where it went.

    Raises:
        ManyHandsError: nbgrader did not take it; its last line says why.
    """
    from autograder.grading.settings import Places
    from autograder.launch import jupyter

    home = home_folder()
    jupyter.prepare(home)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "autograder.launch.program", "nbgrader", "submit", slug],
        cwd=home / "class",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.strip()]
        raise ManyHandsError(
            "your work was not submitted",
            where=str(home / "labs" / slug),
            why=told[-1] if told else f"nbgrader ended with code {done.returncode}",
            remedy=f"./manyhands nbgrader submit {slug} shows all that nbgrader says",
        )
    return f"Submitted to {Places(home).inbound}. You may submit again until it is collected."
