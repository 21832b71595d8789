"""`down`: end the running `up`, and everything it started, from another terminal."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.launch import state
from autograder.launch.places import home as home_folder

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_SECONDS = 30.0


def down(show: Callable[[str], None]) -> int:
    """End what runs and wait until it has ended; the exit code, which is 0 when nothing ran, too.

    Raises :class:`ManyHandsError` when the running `up` may not be signalled.
    """
    home = home_folder()
    if state.is_stale(home):
        show("removed what a killed ./manyhands up left behind; nothing was running")
        return 0
    while (note := state.read(home)) is None:  # one that starts writes its note in its first moment
        if not state.is_running(home):
            show("nothing is running")
            return 0
    try:
        note.up.send(signal.SIGTERM)
        if not note.up.wait(_PATIENCE_SECONDS):
            note.up.send(signal.SIGKILL)
            note.up.wait(_PATIENCE_SECONDS)
    except PermissionError as error:
        raise ManyHandsError(
            "may not end the running ./manyhands up",
            where=f"pid {note.up.pid}",
            why="it belongs to another user",
            remedy="run ./manyhands down as that user",
        ) from error
    if state.is_running(home):  # this also tidies up after one that had to be killed
        raise ManyHandsError(
            "something still runs for this folder",
            where=str(home),
            why="it may run in a container of its own, where this command cannot reach it",
            remedy="MANYHANDS_DESK=docker ./manyhands down",
        )
    show("stopped")
    return 0
