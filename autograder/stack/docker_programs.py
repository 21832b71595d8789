"""A user's own balancer programs on Docker: a file of this machine in the place of the image's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.stack.engine import OPT, EngineError

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.stack.engine import Ran

_LIBRARY = re.compile(r"error while loading shared libraries: ([^:\s]+)")


def version_command(name: str) -> tuple[str, ...]:
    """Command line that makes a balancer program tell its version and end."""
    return (f"{OPT}/{name}/{name}", "-v")


def check_runs(ran: Ran, program: Path) -> None:
    """See from what the version command said that a program runs there.

    Raises :class:`EngineError` naming what it lacks.
    """
    if ran.exit_code == 0:
        return
    said = (ran.err or ran.out).strip()
    if lacking := _LIBRARY.search(said):
        raise EngineError(
            f"{program} does not run on Debian 12, which the containers have",
            why=f"it needs the library {lacking.group(1)}, which is not there",
            remedy="use --engine local, which runs it with this machine's libraries, or a program built for Debian 12",
        )
    why = said or f"it ended with code {ran.exit_code}"
    raise EngineError(f"{program} does not run in a container", why=why, remedy="use --engine local")
