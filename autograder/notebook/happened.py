"""What a lab tells those who listen: something was done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Happened:
    """Something that was done: ``what`` and its ``result`` as in the history, ``kind`` and ``text`` as in a mark.

    ``kind`` is empty for what is no mark. ``observed`` is what a check saw.
    """

    what: str
    result: str
    kind: str
    text: str
    observed: str = ""
