"""Reading a postmortem: Markdown that a stranger wrote, of any length and kind. Plain parsing, in linear time."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST: Final = 64 * 1024
"""Bytes that a postmortem may have."""
LONGEST: Final = 2_000
"""Characters of one line that are looked at."""
_TIME: Final = re.compile(r"(?<![\d:.])([01]?\d|2[0-3])[:.h]([0-5]\d)(?!\d)")
_NUMBER: Final = re.compile(r"(?<![\w:.,-])\d{1,3}(?:[ ,.'’\u00a0\u202f]\d{3})+(?![\d:-])|(?<![\w:.,-])\d+(?![\w:-])")
_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DATES: Final = (
    re.compile(r"(?<!\d)(?P<y>\d{4})[-/.](?P<m>\d\d?)[-/.](?P<d>\d\d?)(?!\d)"),
    re.compile(r"(?<![\d/.])(?P<d>\d\d?)[/.](?P<m>\d\d?)[/.](?P<y>\d{4})(?!\d)"),
    re.compile(r"(?<![\d/.])(?P<m>\d\d?)/(?P<d>\d\d?)/(?P<y>\d{4})(?!\d)"),
    re.compile(r"(?P<d>\d{1,2})(?:\.|st|nd|rd|th)? (?P<n>[a-z]{3})[a-z]*\.?,?(?: (?P<y>\d{4}))?"),
    re.compile(r"(?P<n>[a-z]{3})[a-z]* (?P<d>\d{1,2})(?:st|nd|rd|th)?(?:,? (?P<y>\d{4}))?(?!\d)"),
)

_MARKS: Final = "-*+0123456789.) "
_POINT: Final = re.compile(r"(?:[-*+]|\d{1,3}[.)]) ")
_SAYS_WHO: Final = re.compile(
    r"\b(?:who|owner)\b\W{0,4}:\W{0,4}([^.;,()|]{1,60}?)(?= [-*+] |[.;,()|]|$)", re.IGNORECASE
)
_UNTIL: Final = re.compile(r"(?:[\s,;:(*]|\b(?:done|due|by|until|till|before|on)\b)*$")
_SOMEBODY: Final = re.compile(
    r"(?!(?i:prevent|notice|shorten)\b)(?:[A-Z]\w*\.?(?: [A-Z]\w*\.?){0,2}|the \w+(?: \w+){0,3})"
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
    over = under = ""
    for number, line in enumerate(text.splitlines(), 1):
        kept = "".join(letter if letter.isprintable() else " " for letter in line[:LONGEST])
        if kept.startswith("#"):
            title = kept.lstrip("# ").strip().lower()
            over = over if kept.startswith("###") else "" if kept.startswith("# ") else title
            under = f"{over}: {title}" if over not in ("", title) else title
        found.append(Line(number, kept, under))
    return tuple(found)


def section(lines: tuple[Line, ...], *words: str) -> tuple[Line, ...]:
    """The lines under every heading that has one of these words in it, without the headings."""
    return tuple(line for line in lines if not line.text.startswith("#") and any(word in line.under for word in words))


def joined(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Each paragraph, and each point of a list with all that goes on with it or is indented below it, as one line."""
    found: list[Line] = []
    goes_on, depth = False, 0
    for line in lines:
        text = line.text.strip()
        right = len(line.text) - len(line.text.lstrip())
        if not text or text.count("|") > 1 or text.startswith(">"):
            found.append(line)
            goes_on = False
        elif goes_on and (right > depth or not _POINT.match(text)) and len(found[-1].text) + len(text) < LONGEST:
            found[-1] = replace(found[-1], text=f"{found[-1].text} {text}")
        else:
            found.append(line)
            goes_on, depth = True, right
    return tuple(found)


def times(text: str) -> list[tuple[int, str]]:
    """Where a time of day stands in a text, and the time."""
    return [(found.start(), f"{int(found[1]):02d}:{found[2]}") for found in _TIME.finditer(text)]


def first_time(text: str) -> str:
    """The first time of day in a text, as ``09:58``; empty if there is none.

    >>> first_time("it began at 9.58 (UTC), not at 10:05")
    '09:58'
    """
    return next((time for _, time in times(text)), "")


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
    return next((day for _, day in _days(text, year)), None)


def _days(text: str, year: int) -> Iterator[tuple[int, date]]:
    for pattern in _DATES:
        for found in pattern.finditer(text.lower()):
            parts = found.groupdict()
            month = int(parts["m"]) if "m" in parts else _month(parts["n"])
            try:
                yield found.start(), date(int(parts["y"] or year), month, int(parts["d"]))
            except ValueError:
                continue


def _month(name: str) -> int:
    return _MONTHS.index(name) + 1 if name in _MONTHS else 0


def actions(lines: tuple[Line, ...], year: int, people: Sequence[str] = ()) -> tuple[Action, ...]:
    """The actions under the heading of that name: rows of a table, points of a list, and paragraphs that name a day.

    In a point, who does it is best told as ``what (who, until)``, ``Who: …``, or just before the day. ``people`` are
    known by name.
    """
    found = []
    columns: list[str] = []
    for line in joined(section(lines, "action")):
        text = line.text.strip()
        if text.count("|") > 1:
            cells = [cell.strip() for cell in text.strip("|").split("|")]
            if not columns:
                columns = [cell.lower() for cell in cells]
            elif not set(text) <= set("|-: "):
                found.append(_of_a_row(line, columns, cells, year))
        elif _POINT.match(text) or (text and day_in(text, year)):
            found.append(_of_a_point(line, text, year, people))
    return tuple(one for one in found if one.what)


def _of_a_row(line: Line, columns: list[str], cells: list[str], year: int) -> Action:
    def cell(*names: str) -> str:
        places = (place for place, column in enumerate(columns) if any(name in column for name in names))
        place = next(places, len(cells))
        return cells[place] if place < len(cells) else ""

    until = cell("until", "date", "when", "due")
    return Action(line, cell("action", "what"), cell("kind").lower(), cell("who", "owner"), until, day_in(until, year))


def _of_a_point(line: Line, text: str, year: int, people: Sequence[str]) -> Action:
    what, _, rest = text.rstrip(" .)").rpartition("(")
    who, _, until = rest.partition(",")
    day = day_in(until, year)
    at, last = max(_days(text, year), key=lambda one: one[0], default=(len(text), None))
    if not what.lstrip(_MARKS) or (day is None and last):  # the day stands elsewhere
        what, until, day = text, "", last
        who = _who(text, at, people)
    return Action(line, what.lstrip(_MARKS).rstrip(), text.lower(), who.strip(" *_"), until.strip(), day)


def _who(text: str, at: int, people: Sequence[str]) -> str:
    """Who does what a point says, if it says so; ``at`` is where its day stands."""
    if found := _SAYS_WHO.search(text):
        return found[1]
    before = re.split(r"[.;:,(—–] ?", _UNTIL.sub("", text[:at][-200:]))
    if len(before) > 1 and _SOMEBODY.fullmatch(before[-1].strip(" *_")):
        return before[-1]
    return next((name for name in people if re.search(rf"\b{re.escape(name)}\b", text)), "")
