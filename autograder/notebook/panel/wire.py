"""What goes from the kernel to the page: a whole frame once, then only what differs from the one before."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.notebook.frame import Frame

GROWING = ("seconds", "marks", "log")
"""Fields that gain at their end and lose at their start: what is sent of them is the new end."""
_MOST_LOST = 20


def whole(frame: Frame) -> dict[str, Any]:
    """All of a frame, as plain data."""
    return {"kind": "whole", "frame": asdict(frame)}


def change(old: Frame, new: Frame) -> dict[str, Any]:
    """What turns ``old`` into ``new``: ``set`` has fields to replace, ``grow`` has :func:`grown` ones.

    ``since`` is the number of the frame that it builds on: a page that has another one asks for a whole frame.
    """
    replaced: dict[str, Any] = {}
    longer: dict[str, Any] = {}
    for field in fields(new):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after:
            continue
        if field.name in GROWING:
            longer[field.name] = grown(before, after)
        else:
            replaced[field.name] = _plain(after)
    return {"kind": "change", "since": old.number, "set": replaced, "grow": longer}


def grown(before: Sequence[Any], after: Sequence[Any]) -> dict[str, Any]:
    """How a list changed that moves along: drop ``lost`` at the start, keep the next ``kept``, then ``add``."""
    best = (0, 0)
    for lost in range(min(len(before), _MOST_LOST) + 1):
        pairs = zip(before[lost:], after, strict=False)
        kept = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(before) - lost, len(after)))
        if kept > best[1]:
            best = (lost, kept)
        if kept >= len(before) - lost - 1:  # the last may still be counting
            break
    lost, kept = best
    return {"lost": lost, "kept": kept, "add": [_plain(each) for each in after[kept:]]}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value
