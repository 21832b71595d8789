"""What every verb is made with: its place in the command line, and the options that many share."""

from __future__ import annotations

import sys
from inspect import getdoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from autograder import __version__
from autograder.launch.overview import VERBS
from autograder.whereabouts import COMMAND, spoken

if TYPE_CHECKING:
    from collections.abc import Callable

app = App(
    name=COMMAND,
    version=__version__,
    help_format="plaintext",
    help_formatter="plain",
    suppress_keyboard_interrupt=False,  # what told us to end decides the exit code
)

Json = Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON object instead.")]
Engine = Annotated[Literal["local", "docker"], Parameter(help="Where stacks run: here in namespaces, or in Docker.")]
Nginx = Annotated[Path | None, Parameter(show_default=False, help="Your own nginx program, instead of ours.")]
HAProxy = Annotated[Path | None, Parameter(show_default=False, help="Your own HAProxy program, instead of ours.")]
Rest = Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]


def verb(function: Callable[..., int]) -> Callable[..., int]:
    """Make a function a verb: its docstring is its help. The overview must have a line for it."""
    name = function.__name__.replace("_", "-")
    assert name in VERBS
    text, _, examples = spoken(getdoc(function) or "").partition("Examples:\n")
    paragraphs = "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in text.strip().split("\n\n"))
    app.command(
        function,
        name=name,
        help=paragraphs,
        help_epilogue=f"Examples:\n{examples}",
        # what follows `nbgrader` is nbgrader's, --help and --version too
        **({"help_flags": [], "version_flags": []} if name == "nbgrader" else {}),
    )
    return function


def programs(nginx: Path | None, haproxy: Path | None) -> dict[str, Path]:
    """A user's own balancers, by the names that engines know them by."""
    return {name: path.absolute() for name, path in (("nginx", nginx), ("haproxy", haproxy)) if path is not None}


def say(line: str) -> None:
    """Tell how it goes: on stderr, so that a pipe gets the result only."""
    print(spoken(line), file=sys.stderr, flush=True)


def show(line: str) -> None:
    """Print what was asked for."""
    print(spoken(line), flush=True)
