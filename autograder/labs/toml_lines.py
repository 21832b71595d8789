"""On which line of a TOML file something is said, for errors that name the line: ``tomllib`` keeps no positions."""

from __future__ import annotations

import re


def line_of(text: str, word: str, *, after: str = "", number: int = 0) -> int:
    """The line (from 1) where ``word`` stands as a key, a heading or in a value; the heading's line, or 1, if nowhere.

    ``after`` is how a table's heading begins (``[[checks]]``); the search starts at its ``number``-th appearance, from
    0, and ends with that table, or with the file for a heading that is no whole one (``[variants``).
    """
    lines = text.splitlines()
    first, last = 0, len(lines)
    if after:
        begins = [place for place, line in enumerate(lines) if line.startswith(after)]
        if number < len(begins):
            first = begins[number]
            ends = (place for place in range(first + 1, len(lines)) if lines[place].startswith("["))
            last = next(ends, last) if after.endswith("]") else last
    key = re.compile(rf"""\s*["']?{re.escape(word)}["']?\s*=""")
    as_key = (place for place in range(first, last) if key.match(lines[place]))
    anywhere = (place for place in range(first, last) if word in lines[place])
    return next(as_key, next(anywhere, first)) + 1
