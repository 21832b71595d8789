"""Who is in a class: ``users.csv`` with the columns name, role and password, of which only the name is needed."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from autograder.errors import ManyHandsError, suggestion

if TYPE_CHECKING:
    from pathlib import Path

ROLES: Final = ("learner", "instructor")
_COLUMNS: Final = ("name", "role", "password")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_SHORTEST: Final = 12


@dataclass(frozen=True)
class Person:
    """One who signs in. An empty password is made by the hub, and told once."""

    name: str
    role: str = "learner"
    password: str = ""

    def told(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def read_people(file: Path) -> tuple[Person, ...]:
    """Everybody in the file, in its order.

    Raises:
        ManyHandsError: it cannot be read, or a line of it is wrong; says which.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ManyHandsError(
            "the list of users cannot be read",
            where=str(file),
            why=str(error),
            remedy="it is a CSV file: name,role,password",
        ) from error
    return parse(text, str(file))


def parse(text: str, where: str) -> tuple[Person, ...]:
    """The people in CSV text. Raises as :func:`read_people`."""
    rows = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    columns = [column.strip().lower() for column in rows.fieldnames or ()]
    rows.fieldnames = columns
    if "name" not in columns:
        raise ManyHandsError(
            "the first line has no column called name", where=where, remedy="begin with: name,role,password"
        )
    for column in columns:
        if column not in _COLUMNS:
            raise ManyHandsError(f"column {column!r} is not known", where=where, remedy=suggestion(column, _COLUMNS))
    people: dict[str, Person] = {}
    for row in rows:
        if not any(value for value in row.values() if isinstance(value, str)):
            continue
        person = _person(row, f"{where}:{rows.line_num}")
        if person.name in people:
            raise ManyHandsError(f"{person.name} is there twice", where=f"{where}:{rows.line_num}")
        people[person.name] = person
    if not people:
        raise ManyHandsError("nobody is in the list of users", where=where)
    return tuple(people.values())


def _person(row: dict[str, str | None], where: str) -> Person:
    if None in row or None in row.values():
        raise ManyHandsError("this line has another number of columns than the first", where=where)
    told = {key: (value or "").strip() for key, value in row.items()}
    name, role, password = told["name"].lower(), told.get("role", "") or "learner", told.get("password", "")
    if not _NAME.fullmatch(name):
        why = "letters, digits, dot, hyphen, underscore and @; at most 64"
        raise ManyHandsError(f"{name!r} cannot be a name", where=where, why=why)
    if role not in ROLES:
        raise ManyHandsError(f"{role!r} is no role", where=where, remedy=suggestion(role, ROLES))
    if password and len(password) < _SHORTEST:
        raise ManyHandsError(
            "this password is too short",
            where=where,
            why=f"{len(password)} characters of at least {_SHORTEST}",
            remedy="leave it empty, and one is made",
        )
    return Person(name, role, password)
