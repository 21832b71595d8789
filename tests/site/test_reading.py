"""The reading grade, against texts whose words, sentences and syllables were counted by hand."""

from __future__ import annotations

import pytest

from autograder.bench.site.reading import grade, sentences, syllables, words


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("one", 1), ("line", 1), ("server", 2), ("servers", 2), ("balancer", 3), ("capacity", 4), ("table", 2),
        ("configuration", 5), ("crashed", 1), ("counted", 2), ("the", 1), ("people", 2), ("restarted", 3), ("nginx", 1),
        ("peak-to-fair", 3), ("600", 3), ("7", 1),
    ],
)  # fmt: skip
def test_syllables(word: str, count: int) -> None:
    assert syllables(word) == count


def test_a_line_without_a_full_stop_is_a_sentence() -> None:
    assert len(sentences("Count the requests.\nread the line\n\n")) == 2


def test_a_version_is_one_word() -> None:
    assert words("nginx 1.31.3 ran") == ["nginx", "1.31.3", "ran"]


def test_the_grade_is_the_published_formula() -> None:
    # 6 words, 1 sentence, 6 syllables; 6 words, 1 sentence, 15 syllables.
    assert grade("The cat sat on the mat.") == pytest.approx(0.39 * 6 + 11.8 * 1 - 15.59)
    assert grade("Configuration decides the capacity of servers.") == pytest.approx(0.39 * 6 + 11.8 * 15 / 6 - 15.59)


def test_long_sentences_and_long_words_are_harder() -> None:
    easy = "The server fell over. We took the line back. It ran again."
    hard = "The catastrophic overutilisation of an individual application instance necessitated configuration reversal."
    assert grade(easy) < 3 < 12 < grade(hard)
