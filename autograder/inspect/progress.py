"""One line on a terminal that says how far a long call is, and goes away when there is something to print."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

from autograder.inspect.config import printable

if TYPE_CHECKING:
    from typing import TextIO

_CLEAR = "\r\x1b[K"


class Progress:
    """Writes to ``stream`` if that is a terminal; a ``total`` of 0 is one that nobody knows.

    ``say`` may be called by several threads.
    """

    def __init__(self, stream: TextIO | None, total: int) -> None:
        self._stream = stream if stream is not None and stream.isatty() else None
        self._total = total
        self._done = 0
        self._lock = threading.Lock()

    def say(self, line: str) -> None:
        """What is being measured now."""
        with self._lock:
            self._write(f"{self._done} of {self._total} done; {line}" if self._total else line)

    def one_done(self) -> None:
        """One more is done, and will be printed now."""
        with self._lock:
            self._done += 1
            self._write("")

    def clear(self) -> None:
        """What is printed next begins on an empty line."""
        with self._lock:
            self._write("")

    def _write(self, line: str) -> None:
        if self._stream is not None:
            wide = max(20, shutil.get_terminal_size().columns - 1)
            self._stream.write(_CLEAR + printable(line)[:wide])
            self._stream.flush()
