"""Opening a lab in a terminal, and leaving nothing behind however that ends."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from autograder.ending import unwinding
from autograder.errors import ManyHandsError
from autograder.grading.own_copy import make_own
from autograder.labs.catalogue import load_lab
from autograder.notebook.session import LabSession
from autograder.notebook.shift import has_shift, take_shift
from autograder.notebook.terminal.commands import Commands
from autograder.notebook.terminal.desk import Desk
from autograder.notebook.terminal.on_call import OnCall
from autograder.notebook.terminal.prompt import converse
from autograder.notebook.terminal.task import task_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


_DUMB: Final = ("", "dumb", "unknown")


def wants_lines(plain: bool, slug: str) -> bool:
    """Whether a lab is shown in lines: when asked for, and when input or output is no terminal.

    Raises:
        ManyHandsError: it is a terminal, but none that can show a full screen.
    """
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    kind = os.environ.get("TERM", "")
    if kind in _DUMB:
        raise ManyHandsError(
            "this terminal cannot show a full screen",
            why=f"TERM is {kind!r}",
            remedy=f"line by line it can: ./manyhands lab {slug} --plain",
        )
    return False


def what_counts(folder: Path, files: Sequence[str]) -> str:
    """Which files are to be changed, and where they are: a sentence."""
    if len(files) == 1:
        return f"{folder / files[0]} is the file to mend."
    return f"In {folder}, {', '.join(files[:-1])} and {files[-1]} are graded."


def open_in_terminal(
    slug: str,
    folder: Path,
    engine: str,
    *,
    lines: bool,
    submit: Callable[[], str] | None,
    say: Callable[[str], None],
    show: Callable[[str], None],
) -> int:
    """Run a lab until its learner quits; the exit code.

    ``folder`` has the learner's files; those that are missing are made. ``submit`` hands them in and tells where, or is
    None where they cannot be. ``say`` gets progress, ``show`` what commands answer.

    Raises:
        ManyHandsError: there is no such lab, it is open elsewhere, or its stack does not start.
    """
    lab = load_lab(slug, make_own(folder, slug))
    with unwinding() as ending:
        say(f"Starting the stack of {lab.title!r} …")
        session = LabSession(lab, folder, engine, "a terminal")
        try:
            on_call = OnCall(take_shift(session)) if has_shift(lab) else None
            if lines:
                say(what_counts(folder, lab.files))
                say("Type task for what there is to do, help for the commands, quit to end.")
                return converse(Commands(session, submit), folder, show)
            from autograder.notebook.terminal.screen import LabApp

            app = LabApp(Desk(session.room, folder, lab.files, submit, on_call, task_of(lab, folder)))
            ending.leave = app.leave
            app.run(mouse=False)  # so that the terminal's own mouse can mark and copy text
            code = ending.exit_code or app.return_code or 0
        finally:
            session.close()
    say(f"The stack has ended. Your files are in {folder}; ./manyhands lab {slug} goes on where you were.")
    return code
