"""Opening a lab, in a notebook or anywhere else."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import ManyHandsError
from autograder.grading.own_copy import make_own
from autograder.labs.catalogue import load_lab
from autograder.notebook.session import LabSession

if TYPE_CHECKING:
    from autograder.notebook.room import Room

_OPEN: dict[Path, LabSession] = {}


def open_lab(
    slug: str | None = None, *, folder: str | Path | None = None, engine: str = "local", panel: bool = True
) -> LabSession:
    """Open a lab: start its stack with the config in the lab's folder, and show its control room.

    ``slug`` defaults to the name of the current folder, which is the lab's name when its notebook runs. Opening the
    same folder again closes what was open; where another kernel or a terminal has it, that is told.
    In a notebook a problem is told in words, without a traceback, and the
    control room is shown unless ``panel`` is false; anywhere else there are words only.
    """
    place = Path(folder or Path.cwd()).resolve()
    _speak_plainly()
    lab = load_lab(slug or place.name, make_own(place, slug or place.name))
    if (earlier := _OPEN.pop(place, None)) is not None:
        earlier.close()
    print(f"Starting the stack of {lab.title!r} …", flush=True)
    began = time.monotonic()
    session = _OPEN[place] = LabSession(lab, place, engine)
    servers = len(lab.stack.servers)
    print(f"{servers} servers behind {lab.stack.balancer.proxy}, up in {time.monotonic() - began:.1f} s.", flush=True)
    if panel and _in_notebook():
        _show(session.room)
    return session


def _shell() -> Any:
    """IPython's shell; None outside of it."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    return get_ipython()


def _in_notebook() -> bool:
    return getattr(_shell(), "kernel", None) is not None


def _show(room: Room) -> None:
    """Show the panel. Where widgets cannot be shown, the methods of the lab do all of it, in words."""
    try:
        from IPython.display import display

        from autograder.notebook.panel.panel import Panel
    except ImportError as error:
        print(f"The control room cannot be shown here ({error}); lab.send() and the others work as well.")
        return
    display(Panel(room))  # type: ignore[no-untyped-call]  # IPython's display has no types


def _speak_plainly() -> None:
    """In IPython, show our own errors as the sentences they are."""
    shell = _shell()
    if shell is None:
        return

    def tell(_shell: object, _kind: type[BaseException], error: BaseException, _trace: object, **_: object) -> None:
        print(error, file=sys.stderr)

    shell.set_custom_exc((ManyHandsError,), tell)
