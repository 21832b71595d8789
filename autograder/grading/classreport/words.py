"""How the report says numbers, times and names."""

from __future__ import annotations

from html import escape

from autograder.grading.evidence import clean, number

__all__ = ["how_long", "html", "many", "number", "percent"]


def html(text: object) -> str:
    """``text`` for a page: escaped, without characters that do more than show themselves."""
    return escape(clean(str(text)))


def percent(part: float, whole: float) -> str:
    """``part`` of ``whole`` in whole per cent; a dash when there is no whole."""
    return f"{100 * part / whole:.0f} %" if whole else "–"


def many(count: int, thing: str) -> str:
    """``1 student``, ``2,000 students``."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def how_long(seconds: float) -> str:
    """A time as people say it.

    >>> how_long(59), how_long(600), how_long(5400), how_long(200_000)
    ('59 s', '10 min', '1 h 30 min', '2 days 8 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / 3600), 24)
    return many(days, "day") + (f" {hours} h" if hours else "")
