"""Every module asks enough, each question has one right answer, and every option says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.bench.site.questions import questions
from tests.site.pages import COURSE

QUIZZES = sorted(COURSE.glob("modules/*/quiz.md"))
AT_LEAST, ALTOGETHER = 8, 100
EXPLAINED = 3
"""Words: shorter than that, an option has not said why."""


@pytest.mark.parametrize("quiz", QUIZZES, ids=lambda quiz: quiz.parent.name)
def test_every_option_of_every_question_is_explained(quiz: Path) -> None:
    asked = questions(quiz)
    assert [each.number for each in asked] == [*range(1, len(asked) + 1)]
    assert len(asked) >= AT_LEAST
    for each in asked:
        assert len(each.explained) >= 3, each
        assert each.right == 1, each
        assert min(each.explained) >= EXPLAINED, each


def test_there_are_enough_of_them() -> None:
    assert len(QUIZZES) == 12
    assert sum(len(questions(quiz)) for quiz in QUIZZES) >= ALTOGETHER
