"""How hard a text is to read: the Flesch-Kincaid grade, from words, sentences and syllables."""

from __future__ import annotations

import re

WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*|\d+(?:[.,:]\d+)*")
SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)|\n+")
VOWELS = re.compile(r"[aeiouy]+")


def words(text: str) -> list[str]:
    """The words and numbers of a text, in order."""
    return WORD.findall(text)


def syllables(word: str) -> int:
    """Syllables of an English word, by its groups of vowels; at least 1. A number counts 1 for each digit, up to 3."""
    if word[0].isdigit():
        return min(3, sum(c.isdigit() for c in word))
    count = 0
    for part in re.split(r"['’-]", word.lower()):
        groups = len(VOWELS.findall(part))
        silent = re.search(r"[^aeiouyl]e$|[^aeiouy]les?$|[^aeiouytd]ed$|[^aeiouycsgzxh]es$", part)
        if silent and not re.search(r"[^aeiouy]les?$", part):
            groups -= 1
        count += max(groups, 1 if re.search(r"[a-z]{2}", part) else 0)
    return max(count, 1)


def sentences(text: str) -> list[str]:
    """The sentences of a text. A line is at least one sentence, so that a list item without a full stop counts."""
    return [part for part in SENTENCE_END.split(text) if words(part)]


def grade(text: str) -> float:
    """The Flesch-Kincaid grade level: years of school, in the United States, that a reader needs."""
    said, parts = words(text), sentences(text)
    if not said:
        return 0.0
    return 0.39 * len(said) / len(parts) + 11.8 * sum(map(syllables, said)) / len(said) - 15.59
