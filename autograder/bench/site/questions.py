"""How many questions the course asks, and whether each option says why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_QUESTION = re.compile(r"^\*\*(\d+)\. ", re.MULTILINE)
_OPTION = re.compile(r'^\?\?\? option( right)? ".+"\n((?: {4}.*\n?|\n)*)', re.MULTILINE)


@dataclass(frozen=True)
class Question:
    """A question of a module. ``explained`` has the words of each option's explanation."""

    number: int
    right: int
    """How many options are right."""
    explained: tuple[int, ...]


def questions(quiz: Path) -> list[Question]:
    """What a module's ``quiz.md`` asks, in order."""
    _, *parts = _QUESTION.split(quiz.read_text("utf-8"))
    return [_read(int(number), text) for number, text in zip(parts[::2], parts[1::2], strict=True)]


def _read(number: int, text: str) -> Question:
    options = _OPTION.findall(text)
    return Question(number, sum(bool(right) for right, _ in options), tuple(len(why.split()) for _, why in options))
