"""Every module asks enough, each question has one right answer, and every option says why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.site.pages import COURSE

QUIZZES = sorted(COURSE.glob("modules/*/quiz.md"))
AT_LEAST, ALTOGETHER = 8, 100
QUESTION = re.compile(r"^\*\*(\d+)\. ", re.MULTILINE)
OPTION = re.compile(r'^\?\?\? option( right)? ".+"\n((?: {4}.*\n?|\n)*)', re.MULTILINE)
EXPLAINED = 3
"""Words: shorter than that, an option has not said why."""


@pytest.mark.parametrize("quiz", QUIZZES, ids=lambda quiz: quiz.parent.name)
def test_every_option_of_every_question_is_explained(quiz: Path) -> None:
    _, *parts = QUESTION.split(quiz.read_text("utf-8"))
    numbers, texts = parts[::2], parts[1::2]
    assert len(numbers) >= AT_LEAST
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    for number, text in zip(numbers, texts, strict=True):
        options = OPTION.findall(text)
        assert len(options) >= 3, number
        assert sum(bool(right) for right, _ in options) == 1, number
        assert all(len(why.split()) >= EXPLAINED for _, why in options), number


def test_there_are_enough_of_them() -> None:
    assert len(QUIZZES) == 12
    assert sum(len(QUESTION.findall(quiz.read_text("utf-8"))) for quiz in QUIZZES) >= ALTOGETHER
