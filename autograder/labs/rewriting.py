"""A lab's text as one student gets it: whole words exchanged, and the lines of one server written for several, or none.

A rewriting knows nothing of nginx or of Markdown. It works on any text of a lab, line by line, in a single pass, so
that what it has put in is never taken for something to exchange.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Rewriting:
    """What stands for what. The empty rewriting changes nothing.

    ``texts`` and ``names`` map what the lab says to what is said instead; both match whole words only, and ``texts``,
    which may be several words on one line, go first. A line that says ``repeat``, a name, is written once for each of
    ``repeats`` in its place, and not at all if there are none.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    repeat: str = ""
    repeats: tuple[str, ...] = ()

    def file(self, data: bytes) -> bytes:
        """A file's content rewritten; what is not UTF-8 text stays as it is."""
        try:
            return self.text(data.decode()).encode()
        except UnicodeDecodeError:
            return data

    def text(self, text: str) -> str:
        """A text of any number of lines rewritten; line ends stay as they are."""
        if not (self.texts or self.names or self.repeat):
            return text
        return "".join(self._line(line) for line in text.splitlines(keepends=True))

    def sentence(self, text: str) -> str:
        """One sentence rewritten, as a whole: lines are not repeated in it."""
        return self._said(text, "")

    def _line(self, line: str) -> str:
        if not self.repeat or self.repeat not in {found.group() for found in self._pattern.finditer(line)}:
            return self._said(line, "")
        body = line.rstrip("\r\n")
        end = line[len(body) :]
        return (end or "\n").join(self._said(body, name) for name in self.repeats) + (end if self.repeats else "")

    def _said(self, line: str, repeated: str) -> str:
        def instead(found: re.Match[str]) -> str:
            word = found.group()
            if word == self.repeat:
                return repeated or word
            return self.texts[word] if word in self.texts else self.names[word]

        return self._pattern.sub(instead, line)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Whole texts and names, the longest first; one that matches nothing if there are none."""
        words = [*sorted(self.texts, key=len, reverse=True), *sorted(self.names, key=len, reverse=True)]
        words += [self.repeat] * bool(self.repeat)
        return re.compile("|".join(map(_whole, words)) or r"(?!)")


def _whole(word: str) -> str:
    before = r"(?<!\w)" if re.match(r"\w", word) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", word) else ""
    return f"{before}{re.escape(word)}{after}"
