"""What is peculiar in a submission: its own comments, spacing and lines, which the lab did not bring.

A line is compared without its comment and spacing. What stands in the lab's start, its reference, its examples of
wrong mends, its notebook or its hints is nobody's own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from autograder.labs.lab import Lab

Kind = Literal["comment", "spacing", "line", "mend"]

FREE_LETTERS: Final = 12
"""Letters of a comment that prove nothing: "removed weight" is what anybody writes here."""
MOST_BITS: Final = 40.0
"""No single comment counts for more."""
_LONGEST: Final = 20_000
"""Lines of a file that are looked at."""
_STATEMENT_END: Final = re.compile(r"(?<=[;{}])\s+(?=\S)")
_SPACES: Final = re.compile(r"\s+")
_INVISIBLE: Final = re.compile("[\u00a0\u00ad\u200b-\u200f\u2060\ufeff]")


@dataclass(frozen=True)
class Oddity:
    """One peculiarity. ``own_bits`` is what the text alone is worth as evidence, however many wrote it."""

    kind: Kind
    key: str
    shown: str
    own_bits: float = 0.0


@dataclass(frozen=True)
class Known:
    """What comes with the lab, and so is nobody's own."""

    raw: frozenset[str]
    codes: frozenset[str]
    comments: frozenset[str]
    mends: frozenset[str]


def known_of(lab: Lab) -> Known:
    """Read the lab's own files; they are ours, so they are read plainly."""
    versions = list(_versions(lab))
    words = [lab.notebook.read_text(encoding="utf-8")] if lab.notebook.is_file() else []
    words += [hint for check in lab.checks for hint in check.hints]
    raw = {line for files in versions for text in files.values() for line in text.split("\n")}
    prose = [line for text in words for line in text.splitlines()]
    return Known(
        raw=frozenset(raw),
        codes=frozenset(code for line in raw for code in _codes(line)),
        comments=frozenset(_comment(line) for line in raw) | {_comment(f"# {line.lstrip('# ')}") for line in prose},
        mends=frozenset(whole(files) for files in versions),
    )


def _versions(lab: Lab) -> Iterator[dict[str, str]]:
    """Every version of the lab's files that is in its folder: what to start from, what is right, what is wrong."""
    found: dict[Path, dict[str, str]] = defaultdict(dict)
    for name in lab.files:
        for path in sorted(lab.folder.rglob(Path(name).name)):
            if path.is_file() and path.as_posix().endswith(f"/{name}"):
                found[Path(path.as_posix().removesuffix(name))][name] = text_of(path.read_bytes())
    yield from found.values()


def text_of(data: bytes) -> str:
    """Bytes of a submission as text, whatever they are; line ends of any kind are one kind."""
    return data.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def whole(files: Mapping[str, str]) -> str:
    """All the lines of a submission without comments, spacing, order and repetition: equal for equal mends."""
    parts = [f"{name}\n" + "\n".join(sorted(set(_all_codes(text)))) for name, text in sorted(files.items())]
    return "\f".join(parts)


def oddities(files: Mapping[str, str], known: Known, *, wrong: bool) -> tuple[Oddity, ...]:
    """What is peculiar in a submission.

    Lines and the mend as a whole count only where the submission is ``wrong``: there are few ways to write a config
    that is right, and two who found the same one have nothing to explain.
    """
    found: dict[tuple[str, str], Oddity] = {}
    spaced: list[str] = []
    for text in files.values():
        for line in text.split("\n")[:_LONGEST]:
            if line in known.raw:
                continue
            if _oddly_spaced(line, known):
                spaced.append(line)
            for oddity in _of_line(line, known, wrong):
                found.setdefault((oddity.kind, oddity.key), oddity)
    if spaced:
        key = "\n".join(sorted(spaced))
        found[("spacing", key)] = Oddity("spacing", key, _visible(spaced))
    if wrong and (mend := whole(files)) not in known.mends:
        found[("mend", mend)] = Oddity("mend", mend, "the same wrong mend, line for line")
    return tuple(found.values())


def _of_line(line: str, known: Known, wrong: bool) -> Iterator[Oddity]:
    comment = _comment(line)
    if comment and comment not in known.comments and comment not in known.codes:
        code_like = comment.endswith((";", "{", "}"))
        letters = sum(map(str.isalnum, comment))
        own = 0.0 if code_like else min(MOST_BITS, max(0.0, float(letters - FREE_LETTERS)))
        yield Oddity("comment", comment.casefold(), f"# {comment}", own)
    if wrong:
        for code in _codes(line):
            if code not in known.codes and len(code) > 2:
                yield Oddity("line", _shape(code), code)


def _shape(code: str) -> str:
    """A ``server`` line without its address: the same change to four servers is one change."""
    words = code.split(" ", 2)
    return f"server * {words[2] if len(words) > 2 else ';'}" if words[0] == "server" and len(words) > 1 else code


@lru_cache(maxsize=50_000)
def _split(line: str) -> tuple[str, str]:
    """Code and comment of a line; a ``#`` within quotes or within a word begins no comment."""
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and (place == 0 or line[place - 1] != "\\"):
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1] in " \t;{}"):
            return line[:place], line[place:]
    return line, ""


@lru_cache(maxsize=50_000)
def _codes(line: str) -> tuple[str, ...]:
    """The statements of a line, with one space where there is space."""
    code = _SPACES.sub(" ", _INVISIBLE.sub("", _split(line)[0])).strip()
    code = code.replace(" ;", ";")
    return tuple(part.strip() for part in _STATEMENT_END.split(code) if part.strip())


def _all_codes(text: str) -> Iterable[str]:
    return (code for line in text.split("\n")[:_LONGEST] for code in _codes(line))


@lru_cache(maxsize=50_000)
def _comment(line: str) -> str:
    return _SPACES.sub(" ", _INVISIBLE.sub("", _split(line)[1])).strip(" #-=*~_")


def _oddly_spaced(line: str, known: Known) -> bool:
    """A line of the lab's in a spacing that is not the lab's, or one with characters nobody sees."""
    if _INVISIBLE.search(line):
        return True
    codes = _codes(line)
    if not codes:
        return bool(line) and not line.strip()
    return all(code in known.codes for code in codes) and (line != line.rstrip() or "\t" in line)


def _visible(lines: list[str]) -> str:
    marks = _INVISIBLE.sub("▯", lines[0].strip("\n"))
    indent = len(marks) - len(marks.lstrip())
    tail = len(marks) - len(marks.rstrip())
    shown = marks[:indent].replace("\t", "⇥").replace(" ", "·") + marks.strip() + "·" * tail
    more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
    return f"{shown.replace(chr(9), '⇥')}{more}"
