"""Who the students are elsewhere: a CSV file that maps the class's names to names, addresses and numbers.

The columns are found by their headings. A gradebook exported from Canvas and a list of participants from Moodle are
rosters as they are.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from autograder.errors import ManyHandsError


@dataclass(frozen=True)
class Person:
    """A student as other systems know them; ``id`` is the name nbgrader knows them by."""

    id: str
    name: str = ""
    email: str = ""
    login: str = ""
    canvas_id: str = ""
    """Canvas's own number."""
    sis_id: str = ""
    section: str = ""
    number: str = ""
    """The university's; Moodle's "ID number"."""


_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("student id", "student_id", "username", "user name", "login", "id"),
    "name": ("name", "full name", "student", "student name", "display name"),
    "email": ("email", "e-mail", "email address", "mail"),
    "login": ("sis login id", "login id", "login", "username", "user name"),
    "canvas_id": ("canvas id", "canvas user id"),
    "sis_id": ("sis user id", "sis id"),
    "section": ("section", "group"),
    "number": ("id number", "idnumber", "student number", "matriculation number", "number"),
}
_CANVAS: Final = {"id": "sis login id", "canvas_id": "id", "name": "student"}
"""Canvas calls its own number ID; the login is what nbgrader's students are called by."""
_SEPARATORS: Final = ",;\t"


class Roster:
    """The people of a class. Names are looked up as written, then without regard to case and Unicode form."""

    def __init__(self, people: Sequence[Person] = ()) -> None:
        self._people = {person.id: person for person in people}
        self._folded = {_folded(person.id): person for person in people}

    def __len__(self) -> int:
        return len(self._people)

    def find(self, student: str) -> Person | None:
        """The person that the class calls ``student``."""
        return self._people.get(student) or self._folded.get(_folded(student))


def read_roster(path: Path) -> Roster:
    """The roster in a CSV file (UTF-8; comma, semicolon or tab).

    Raises:
        ManyHandsError: it cannot be read, has no column of ids, or names somebody twice.
    """
    where = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ManyHandsError("the roster cannot be read", where=where, why=error.strerror or "") from error
    except UnicodeDecodeError as error:
        raise ManyHandsError(
            "the roster is not UTF-8 text", where=where, why=str(error), remedy="save it as “CSV UTF-8”"
        ) from error
    first = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=first.count)
    try:
        rows = list(csv.reader(text.splitlines(keepends=True), delimiter=separator, strict=True))
    except csv.Error as error:
        raise ManyHandsError("the roster is no CSV", where=where, why=str(error)) from error
    if not rows:
        raise ManyHandsError(
            "the roster is empty", where=where, remedy="its first line names the columns: id,name,email"
        )
    headings = [_heading(cell) for cell in rows[0]]
    columns = _columns(headings)
    if "id" not in columns:
        raise ManyHandsError(
            "the roster has no column of the students' ids",
            where=f"{where}:1",
            why=f"its columns are: {', '.join(cell.strip() for cell in rows[0])}",
            remedy="call the column with the names that nbgrader knows students by “id”",
        )
    return Roster(_people(rows[1:], columns, headings, where))


def _people(
    rows: Sequence[Sequence[str]], columns: Mapping[str, int], headings: Sequence[str], where: str
) -> list[Person]:
    people: list[Person] = []
    names = [headings.index(heading) for heading in ("first name", "last name") if heading in headings]
    lines: dict[str, int] = {}
    for line, row in enumerate(rows, 2):
        values = {name: _own(row[column]) if column < len(row) else "" for name, column in columns.items()}
        if not values["id"] or "Points Possible" in row[0]:
            continue  # an empty line, or one that Canvas writes about assignments
        if values["id"] in lines:
            raise ManyHandsError(
                f"the roster has {values['id']!r} twice",
                where=f"{where}:{line}",
                why=f"it is in line {lines[values['id']]} too",
                remedy="each student has one line",
            )
        lines[values["id"]] = line
        if not values.get("name"):
            parts = [_own(row[column]) for column in names if column < len(row)]
            values["name"] = " ".join(part for part in parts if part)
        people.append(Person(**values))
    return people


def _columns(headings: Sequence[str]) -> dict[str, int]:
    """Field of a person → column."""
    found: dict[str, int] = {}
    canvas = _CANVAS if "sis login id" in headings and "student" in headings else {}
    for field in fields(Person):
        wanted = (canvas[field.name],) if field.name in canvas else _HEADINGS[field.name]
        for heading in wanted:
            if heading in headings:
                found[field.name] = headings.index(heading)
                break
    return found


def _heading(text: str) -> str:
    return " ".join(text.strip().casefold().replace("_", " ").split())


def _own(cell: str) -> str:
    """A cell without the apostrophe or the formula that others put around what looks like a formula."""
    text = cell.strip()
    if text.startswith('="') and text.endswith('"'):
        return text[2:-1]
    return text[1:] if len(text) > 1 and text[0] == "'" and text[1] in "=+-@" else text


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
