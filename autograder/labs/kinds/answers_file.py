"""Reading ``answers.json`` of a submission, which may hold anything: deep, huge, not JSON, numbers that are none."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

LARGEST: Final = 64 * 1024
"""Bytes that answers may have."""
DEEPEST: Final = 6
MOST: Final = 500
"""Values that answers may have in all."""
LONGEST: Final = 2000
"""Characters of one text."""


class UnreadableError(Exception):
    """These answers cannot be judged; the message says why, to be read by a learner."""


@dataclass(frozen=True)
class Written:
    """Answers as they were written.

    ``values`` maps the path of each, with dots between (``measured.app1``), to a number, text, list of texts, or None
    where nothing was answered yet; ``lines`` tells where in the file each is, as far as that can be told.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)


def read_answers(data: bytes) -> Written:
    """What a file of answers says. Raises :class:`UnreadableError`, and nothing else, for what cannot be read.

    >>> read_answers(b'{"measured": {"app1": 50}}').values
    {'measured.app1': 50}
    """
    if len(data) > LARGEST:
        raise UnreadableError(f"it has {len(data):,} bytes; answers need at most {LARGEST:,}")
    try:
        text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("it is not text in UTF-8") from None
    try:
        parsed = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"line {error.lineno} is not JSON ({error.msg.lower()})") from None
    except RecursionError:
        raise UnreadableError("its brackets are nested without end") from None
    except ValueError as error:  # a whole number of thousands of digits
        said = str(error)
        raise UnreadableError(said if said.startswith("it ") else "it has a number that is not of this world") from None
    if not isinstance(parsed, dict):
        raise UnreadableError("it is not a table of answers: it should begin with { and end with }")
    values: dict[str, Any] = {}
    _flatten(parsed, "", values, 1)
    return Written(values, {path: _line(text, path) for path in values})


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it says {twice[:40]!r} twice in one table")
    return table


def _no_number(word: str) -> Any:
    raise ValueError(f"it says {word}, which is no number")


def _finite(word: str) -> float:
    value = float(word)
    if not math.isfinite(value):
        raise ValueError(f"it says {word[:20]}, which is no number that can be measured")
    return value


def _flatten(table: Mapping[str, Any], above: str, values: dict[str, Any], depth: int) -> None:
    if depth > DEEPEST:
        raise UnreadableError(f"its tables are nested deeper than {DEEPEST}")
    for name, value in table.items():
        path = f"{above}.{name}" if above else name
        if isinstance(value, dict):
            _flatten(value, path, values, depth + 1)
            continue
        if isinstance(value, list) and len(value) > MOST:
            raise UnreadableError(f"{path[:60]} is a list of {len(value):,} things")
        values[path] = value
        if len(values) > MOST:
            raise UnreadableError(f"it has more than {MOST} answers")


def _line(text: str, path: str) -> int:
    """The line where the answer stands: its own name, after the names of the tables around it. 1 if not to be told."""
    place = 0
    for name in path.split("."):
        found = re.compile(rf'"{re.escape(name)}"\s*:').search(text, place)
        if found is None:
            return 1
        place = found.end()
    return text.count("\n", 0, place) + 1


def shown(value: Any) -> str:
    """An answer as feedback repeats it: short, on one line, nothing that a terminal would obey."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= 40 else f"{text[:39]}…"
