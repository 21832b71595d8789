"""What a learner can look at beyond the picture, by a button or a key: what a machine wrote; on a shift, the shop too.

Looking changes nothing. On a shift it is written down, as it is when a cell asks.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from autograder.labs.catalogue import LabError
from autograder.notebook.choice import choose
from autograder.notebook.frame import LookNow

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.notebook.session import LabSession

ON_SHIFT: Final = ("shares", "errors", "history", "change", "debrief")
"""What only a shift has to show."""
LOOKS: Final = ("logs", *ON_SHIFT)
MOST_LINES: Final = 120
_WIDEST: Final = 300
"""Letters of a line that are kept."""


def look_at(session: LabSession, what: str, of: str = "") -> LookNow:
    """Look at one of :data:`LOOKS`; ``of`` is the node for ``logs`` (empty: the first balancer), or the change.

    Raises:
        ManyHandsError: there is nothing of that name to look at, or not now.
    """
    if what not in LOOKS:
        raise choose(what, LOOKS, "thing to look at")
    shift, node = session.shift, of or session.lab.stack.balancer.name
    if what == "logs":
        said = shift.logs(node) if shift is not None else session.logs(node)
        return _bounded(f"what {node} wrote", said or "nothing yet", f"lab.logs({node!r})", f"logs {node}")
    if shift is None:
        raise LabError("nobody is on call in this lab", remedy="look at what a machine wrote: logs")
    if what == "change":
        return _bounded(f"change {of}", repr(shift.change(of)), f"shift.change({of!r})", f"change {of}")
    ask: Callable[[], object] = getattr(shift, what)
    return _bounded({"history": "changes"}.get(what, what), repr(ask()), f"shift.{what}()", what)


def _bounded(title: str, said: str, cell: str, typed: str) -> LookNow:
    """Not more than a page can hold: the newest lines, and what has all of them."""
    lines = [f"{line[:_WIDEST]} …" if len(line) > _WIDEST else line for line in said.rstrip("\n").split("\n")]
    if len(lines) > MOST_LINES:
        lines = [
            f"… the last {MOST_LINES} of {len(lines)} lines; all: {cell} in a cell, {typed} in lines",
            *lines[-MOST_LINES:],
        ]
    return LookNow(f"{datetime.now().astimezone():%H:%M:%S}", title, "\n".join(lines))
