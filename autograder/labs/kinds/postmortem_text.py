"""Reading a postmortem: Markdown that a stranger wrote, of any length and kind. Plain parsing, in linear time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

LARGEST: Final = 64 * 1024
"""Bytes that a postmortem may have."""
LONGEST: Final = 2_000
"""Characters of one line that are looked at."""
_TIME: Final = re.compile(r"(?<![\d:.])([01]?\d|2[0-3])[:.h]([0-5]\d)(?!\d)")
_NUMBER: Final = re.compile(r"(?<![\w:.,-])\d{1,3}(?:[ ,.'’\u00a0\u202f]\d{3})+(?![\d:-])|(?<![\w:.,-])\d+(?![\w:-])")
_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DATES: Final = (
    re.compile(r"(?P<y>\d{4})-(?P<m>\d\d?)-(?P<d>\d\d?)"),
    re.compile(r"(?P<d>\d{1,2})(?:\.|st|nd|rd|th)? (?P<n>[a-z]{3})[a-z]*\.?,?(?: (?P<y>\d{4}))?"),
    re.compile(r"(?P<n>[a-z]{3})[a-z]* (?P<d>\d{1,2})(?:st|nd|rd|th)?(?:,? (?P<y>\d{4}))?(?!\d)"),
)


class UnreadableError(Exception):
    """This text cannot be judged; the message says why, to be read by a learner."""


@dataclass(frozen=True)
class Line:
    """One line of the file: its number, its text, and the heading that it stands under, in small letters."""

    number: int
    text: str
    under: str


@dataclass(frozen=True)
class Action:
    """One action: what, of which kind, who does it, until when (the words, and the date that they are)."""

    line: Line
    what: str
    kind: str
    who: str
    until: str
    day: date | None


def read_lines(data: bytes) -> tuple[Line, ...]:
    """Every line with the heading above it. Raises :class:`UnreadableError`, and nothing else."""
    if len(data) > LARGEST:
        raise UnreadableError(f"it has {len(data):,} bytes; a postmortem that is read has at most {LARGEST:,}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("it is not text in UTF-8") from None
    found = []
    under = ""
    for number, line in enumerate(text.splitlines(), 1):
        kept = "".join(letter if letter.isprintable() else " " for letter in line[:LONGEST])
        if kept.startswith("#"):
            under = kept.lstrip("# ").strip().lower()
        found.append(Line(number, kept, under))
    return tuple(found)


def section(lines: tuple[Line, ...], *words: str) -> tuple[Line, ...]:
    """The lines under every heading that has one of these words in it, without the headings."""
    return tuple(line for line in lines if not line.text.startswith("#") and any(word in line.under for word in words))


def first_time(text: str) -> str:
    """The first time of day in a text, as ``09:58``; empty if there is none.

    >>> first_time("it began at 9.58 (UTC), not at 10:05")
    '09:58'
    """
    found = _TIME.search(text)
    return f"{int(found[1]):02d}:{found[2]}" if found else ""


def numbers(text: str) -> list[int]:
    """Whole numbers in a text, also with separators for thousands; no times, dates or parts of words.

    >>> numbers("31,240 of 96 400 requests between 09:58 and 11:36, on app1")
    [31240, 96400]
    """
    return [int(re.sub(r"\D", "", found.group())) for found in _NUMBER.finditer(text) if len(found.group()) < 16]


def day_in(text: str, year: int) -> date | None:
    """The first day that a text names; of ``year`` if it says none. None if there is no such day.

    >>> day_in("until 14 March", 2023)
    datetime.date(2023, 3, 14)
    """
    for pattern in _DATES:
        for found in pattern.finditer(text.lower()):
            parts = found.groupdict()
            month = int(parts["m"]) if "m" in parts else _month(parts["n"])
            try:
                return date(int(parts["y"] or year), month, int(parts["d"]))
            except ValueError:
                continue
    return None


def _month(name: str) -> int:
    return _MONTHS.index(name) + 1 if name in _MONTHS else 0


def actions(lines: tuple[Line, ...], year: int) -> tuple[Action, ...]:
    """The actions under the heading of that name: rows of a table, or points of a list as ``what (who, until)``."""
    found = []
    columns: list[str] = []
    for line in section(lines, "action"):
        text = line.text.strip()
        if text.startswith("|"):
            cells = [cell.strip() for cell in text.strip("|").split("|")]
            if not columns:
                columns = [cell.lower() for cell in cells]
            elif not set(text) <= set("|-: "):
                found.append(_of_a_row(line, columns, cells, year))
        elif re.match(r"([-*+]|\d+[.)]) ", text):
            found.append(_of_a_point(line, text, year))
    return tuple(one for one in found if one.what)


def _of_a_row(line: Line, columns: list[str], cells: list[str], year: int) -> Action:
    def cell(*names: str) -> str:
        places = (place for place, column in enumerate(columns) if any(name in column for name in names))
        place = next(places, len(cells))
        return cells[place] if place < len(cells) else ""

    until = cell("until", "date", "when", "due")
    return Action(line, cell("action", "what"), cell("kind").lower(), cell("who", "owner"), until, day_in(until, year))


def _of_a_point(line: Line, text: str, year: int) -> Action:
    what, _, rest = text.rstrip(" .)").rpartition("(")
    who, _, until = rest.partition(",")
    return Action(
        line, what.lstrip("-*+0123456789.) ").rstrip(), text.lower(), who.strip(), until.strip(), day_in(until, year)
    )
