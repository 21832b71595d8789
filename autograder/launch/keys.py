"""Single keys from the terminal, while something else is shown on it."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import tty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def single_keys() -> Iterator[Callable[[float], str]]:
    """A function that waits up to some seconds for a key, and returns it or an empty string.

    The terminal is as it was when the block ends, however it ends. Without a terminal no key ever comes.
    """
    if not sys.stdin.isatty():
        yield _no_key
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)  # Ctrl-C still ends the program
        yield lambda seconds: _key(terminal, seconds)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _key(terminal: int, seconds: float) -> str:
    ready, _, _ = select.select([terminal], [], [], seconds)
    return os.read(terminal, 1).decode(errors="ignore") if ready else ""


def _no_key(seconds: float) -> str:
    select.select([], [], [], seconds)
    return ""
