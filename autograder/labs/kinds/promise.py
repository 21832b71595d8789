"""What is said of one promise that a learner's script should keep, and which of its lines broke it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autograder.mistakes.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.programs import ProgramResult

_TAIL: Final = 300
"""Letters of a script's last words."""


@dataclass(frozen=True)
class Said:
    """The answer on one promise: kept or not, what was seen, why, and the mistake of the catalogue that it is."""

    kept: bool
    observed: str
    why: str = ""
    mistake: str = ""
    guilty: str = ""
    """A regular expression for the line of the script that did it."""


def finding(said: Said, script: str, files: Mapping[str, bytes]) -> Finding:
    """The mistake, at the line of the script that made it, if there is one."""
    lines = files.get(script, b"").decode(errors="replace").splitlines()
    pattern = re.compile(said.guilty or r"(?!)")
    found = ((number, line.strip()[:200]) for number, line in enumerate(lines, 1) if not line.lstrip().startswith("#"))
    number, quote = next(((number, line) for number, line in found if pattern.search(line)), (0, ""))
    match = pattern.search(quote)
    return Finding(said.mistake, "", script, number, quote, match.span() if match else (0, 0), said.observed, said.why)


def told(script: str, result: ProgramResult) -> str:
    """How the script ended, and what it said last."""
    last = " ".join((result.err.strip() or result.out.strip())[-_TAIL:].split())
    return f"{script}: {result.in_words()}" + (f" It said last: {last}" if last else "")
