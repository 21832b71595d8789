"""The program that a lab asks for, taken from a submission and run in the examiner's twin: the ground for checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autograder.stack.programs import Limits, Program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.programs import ProgramResult
    from autograder.stack.running import RunningStack

_INTERPRETERS = {".sh": "sh", ".py": "python3"}


@dataclass(frozen=True)
class Asked:
    """What a lab asks for: the ``file`` of a submission that is the program, and how it is run.

    ``needs`` are commands that the lab itself promises, so that a machine without them is our fault, never the
    learner's.
    """

    file: str
    arguments: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    needs: tuple[str, ...] = ()
    where: str = ""


def program_of(asked: Asked, files: Mapping[str, bytes], beside: Mapping[str, bytes] | None = None) -> Program | None:
    """The program of a submission, with files of the lab ``beside`` it; None if the submission has none.

    A file that says at its top what runs it (``#!``) is run so; else its ending tells.
    """
    content = files.get(asked.file)
    if content is None:
        return None
    content = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")  # an editor on another system
    ending = asked.file[asked.file.rfind(".") :]
    start = ("./" + asked.file,) if content.startswith(b"#!") else (_INTERPRETERS.get(ending, "sh"), asked.file)
    return Program(
        (*start, *asked.arguments),
        {**(beside or {}), asked.file: content},
        where=asked.where,
        writable=asked.writable,
        limits=asked.limits,
        needs=asked.needs,
    )


def run_asked(
    running: RunningStack, asked: Asked, files: Mapping[str, bytes], beside: Mapping[str, bytes] | None = None
) -> ProgramResult | None:
    """Run it to its end; None if the submission has none. Raises :class:`EngineError` only when *we* failed."""
    program = program_of(asked, files, beside)
    return None if program is None else running.run_program(program)
