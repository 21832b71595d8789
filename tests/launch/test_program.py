"""Jupyter's programs, started without what none of them needs."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version


def test_jupyterlab_starts_and_builds_no_grammar() -> None:
    command = [sys.executable, "-P", "-X", "importtime", "-m", "autograder.launch.program", "jupyterlab", "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == version("jupyterlab")
    loaded = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "jsonschema" in loaded
    assert "lark" not in loaded


def test_arguments_and_exit_code_are_the_programs_own() -> None:
    command = [sys.executable, "-P", "-m", "autograder.launch.program", "nbgrader", "--nonsense"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (
        ran.returncode
        == subprocess.run(
            [sys.executable, "-P", "-m", "nbgrader", "--nonsense"], capture_output=True, check=False
        ).returncode
    )
