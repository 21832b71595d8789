"""The lab line by line: at a prompt that remembers what was typed, or from a pipe, which gives a record to keep."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Final

from autograder.notebook.logbook import MEMORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from autograder.notebook.terminal.commands import Commands

_TYPED: Final = f"{MEMORY}/typed"
_SIGN: Final = "> "


def converse(commands: Commands, folder: Path, show: Callable[[str], None]) -> int:
    """Carry out commands from standard input until ``quit`` or its end; the exit code.

    A person at a prompt gets 0: they saw what went wrong.
    """
    person = sys.stdin.isatty()
    with _typed_before(commands, folder) if person else contextlib.nullcontext():
        for line in _typed() if person else _piped(show):
            answer = commands.obey(line)
            if answer is None:
                break
            if answer:
                show(answer)
    return 0 if person else commands.code


def _typed() -> Iterator[str]:
    with contextlib.suppress(EOFError):
        while True:
            yield input(_SIGN)


def _piped(show: Callable[[str], None]) -> Iterator[str]:
    for line in sys.stdin:
        if line.strip():
            show(f"{_SIGN}{line.strip()}")
        yield line


@contextlib.contextmanager
def _typed_before(commands: Commands, folder: Path) -> Iterator[None]:
    """Arrow keys bring back what was typed, today or last week; Tab completes."""
    import readline  # who only pipes need not wait for it

    with contextlib.suppress(OSError):
        readline.read_history_file(folder / _TYPED)
    readline.set_completer_delims(" ")

    def complete(_word: str, number: int) -> str | None:
        found = commands.options(readline.get_line_buffer()[: readline.get_endidx()])
        return f"{found[number]} " if number < len(found) else None

    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    try:
        yield
    finally:
        readline.set_completer(None)
        readline.set_history_length(500)
        with contextlib.suppress(OSError):
            readline.write_history_file(folder / _TYPED)
