"""The learner's own editor."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from autograder.labs.catalogue import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_USUAL: Final = ("sensible-editor", "editor", "nano", "vim", "vi", "emacs", "micro")
"""Tried in this order when nobody said which."""


def find_editor(environment: Mapping[str, str] | None = None) -> list[str]:
    """The command that edits: ``$VISUAL``, ``$EDITOR``, or a usual one.

    Raises:
        LabError: the one that was asked for is not there, or there is none at all.
    """
    known = os.environ if environment is None else environment
    for name in ("VISUAL", "EDITOR"):
        words = shlex.split(known.get(name, ""))
        if words and shutil.which(words[0], path=known.get("PATH")):
            return words
        if words:
            raise LabError(f"${name} is {words[0]}, which is not here", remedy=f"set {name} to an editor you have")
    for usual in _USUAL:
        if shutil.which(usual, path=known.get("PATH")):
            return [usual]
    raise LabError(
        "there is no editor here",
        why="neither $VISUAL nor $EDITOR is set, and none of the usual ones is installed",
        remedy="edit the file in another window and save it: this screen sees it at once",
    )


def edit(command: list[str], file: Path) -> None:
    """Run the editor on a file, on this terminal, until it ends. Raises :class:`LabError` when it fails."""
    try:
        # In a script, what comes next on standard input is not for the editor.
        stdin = None if sys.stdin.isatty() else subprocess.DEVNULL
        code = subprocess.run([*command, str(file)], stdin=stdin, check=False).returncode
    except OSError as error:
        raise LabError(f"{command[0]} does not start", why=error.strerror or str(error)) from error
    if code:
        raise LabError(f"{command[0]} ended with code {code}", where=str(file), remedy="see whether it saved the file")
