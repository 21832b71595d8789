"""What the full screen needs of an open lab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autograder.notebook.frame import Frame
    from autograder.notebook.terminal.on_call import OnCall


class Seen(Protocol):
    """What the screen needs of a room (:mod:`autograder.notebook.room`)."""

    def frame(self) -> Frame:
        """The newest frame; at once, always."""

    def do(self, command: str, **words: Any) -> None:
        """Begin a command; what comes of it is in later frames."""


@dataclass(frozen=True)
class Desk:
    """An open lab as the screen needs it: its room, its folder, the files to edit.

    ``submit`` is how to submit (None: cannot), ``on_call`` carries out what is typed on a shift (None: there is none).
    ``task`` says what there is to do.
    """

    room: Seen
    folder: Path
    files: tuple[str, ...]
    submit: Callable[[], str] | None = None
    on_call: OnCall | None = None
    task: str = ""
