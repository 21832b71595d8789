"""Is an answer right? Pure: an answer, what was observed, and the words about it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.labs.kinds.answers_file import LONGEST, shown

if TYPE_CHECKING:
    from autograder.labs.kinds.answers_questions import Asked, Slip

_PORT = re.compile(r":\d{1,5}$")
_NEAR = 1.0
"""A number this near to a slip's is that slip."""


@dataclass(frozen=True)
class Judged:
    """One answer: right or not, in words; ``slip`` if it is one that the lab foresaw."""

    asked: Asked
    right: bool
    said: str
    slip: Slip | None = None
    open: bool = False
    """Nothing was answered yet."""


def judge(asked: Asked, written: Any, truth: Any, by_whom: str) -> Judged:
    """Compare an answer with what is true.

    ``truth`` is a number, a text, texts of which each will do (type ``text``), or texts that all belong (``list``);
    ``by_whom`` says who observed it, how ("counted at the servers, 240 pages from …").
    """
    if written is None or written in ("", []):
        return Judged(asked, False, f"{asked.key} has no answer yet", open=True)
    value = _understood(asked, written)
    if value is None:
        return Judged(asked, False, f"{asked.key} should be {_wanted(asked)}, and is {shown(written)}")
    if asked.source == "free":
        return Judged(asked, True, "")
    if asked.type == "number":
        value = min((value, *_grouped(written)), key=lambda read: abs(read - truth))
    if _same(asked, value, truth):
        return Judged(asked, True, "")
    slip = next((slip for slip in asked.slips if _is_slip(value, slip)), None)
    return Judged(
        asked, False, f"{asked.key}: you say {shown(written)}; {_otherwise(asked, value, truth)}{by_whom}", slip
    )


def _otherwise(asked: Asked, value: Any, truth: Any) -> str:
    """In which direction it is off, and not what is right: who has counted once can count again."""
    if asked.type == "number":
        return "it was more" if truth > value else "it was less"
    if asked.type == "list":
        return f"{len(set(value) & {plain(one) for one in truth})} of these belong, of {len(truth)}"
    return "it is another"


def _same(asked: Asked, value: Any, truth: Any) -> bool:
    if asked.type == "number":
        return bool(abs(value - truth) <= asked.within)
    if asked.type == "list":
        return set(value) == {plain(one) for one in truth}
    return value in {plain(one) for one in ([truth] if isinstance(truth, str) else truth)}


def _is_slip(value: Any, slip: Slip) -> bool:
    if isinstance(value, float):
        return isinstance(slip.answer, int | float) and abs(value - slip.answer) <= _NEAR
    if isinstance(value, tuple):
        return isinstance(slip.answer, list) and set(value) == {plain(one) for one in slip.answer}
    return bool(value == plain(slip.answer))


def _understood(asked: Asked, written: Any) -> Any:
    """The answer as it is compared: a float, a plain text, plain texts; None if it is of another kind."""
    if asked.type == "number":
        return _number(written)
    if asked.type == "list":
        rows = (
            written if isinstance(written, list) else re.split(r"[,;]", written) if isinstance(written, str) else None
        )
        if rows is None or not all(isinstance(row, str) and len(row) <= LONGEST for row in rows):
            return None
        return tuple(plain(row) for row in rows if row.strip())
    if not isinstance(written, str) or len(written) > LONGEST:
        return None
    value = plain(written)
    if asked.type == "choice":
        value = _PORT.sub("", value)  # as a log has it
    return value if asked.type == "text" or value in map(plain, asked.options) else None


def _number(written: Any) -> float | None:
    """``50``, ``50.0``, ``"50 %"``, ``"50,0"``; None for what is no number, and for ``true``."""
    if isinstance(written, str):
        found = re.fullmatch(r"\s*([+-]?\d{1,12}(?:[.,]\d{1,12})?)\s*(?:%|x|×|percent|per cent)?\s*", written)
        written = float(found.group(1).replace(",", ".")) if found else None
    if isinstance(written, bool) or not isinstance(written, int | float):
        return None
    if isinstance(written, int) and abs(written) > 10**15:
        return None
    return float(written) if math.isfinite(written) else None


def _grouped(written: Any) -> tuple[float, ...]:
    """The other reading of ``"2,910"``: thousands, as our tables write them, and not a little less than three."""
    if isinstance(written, str) and re.fullmatch(r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*", written):
        return (float(written.replace(",", "")),)
    return ()


def _wanted(asked: Asked) -> str:
    return {
        "number": "a number",
        "text": "a short text",
        "list": "a list of texts",
        "choice": f"one of {', '.join(asked.options)}",
    }[asked.type]


def plain(text: Any) -> str:
    """A text as it is compared: case, blanks around it and inside do not count.

    >>> plain("  The  HAProxy ")
    'the haproxy'
    """
    return " ".join(str(text).split()).casefold()


def line_and_quote(text: str, number: int) -> tuple[int, str]:
    """A line of a file, by its number from 1, without the blanks around it, and its number; line 1 if there is none."""
    lines = text.splitlines() or [""]
    number = number if 1 <= number <= len(lines) else 1
    return number, lines[number - 1].strip()[:200]
