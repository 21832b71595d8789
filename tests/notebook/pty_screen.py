"""A program on a terminal of its own, and the letters on its screen: as many of a terminal's codes as that takes.

What is drawn beyond the right edge or below the last line is noted in ``beyond``: a real one would show it wrongly.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PATIENCE_S = 120.0
"""A busy machine is slow, not broken."""
_CODE = re.compile(r"\x1b\[([<=>?0-9;:$]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\|\x1b[^\[\]P]")
_UNFINISHED = re.compile(r"\x1b(?:\[[<=>?0-9;:$]*|[\]P][^\x07\x1b]*\x1b?)?$")


class Letters:
    """A screen of ``lines`` of ``places`` letters, as the codes of a terminal leave it."""

    def __init__(self, places: int, lines: int) -> None:
        self.places, self.lines = places, lines
        self.beyond = ""
        self._rest, self._full = "", False
        self._clear()

    def feed(self, text: str) -> None:
        """Draw what a program wrote."""
        text = self._rest + text
        cut = _UNFINISHED.search(text)
        text, self._rest = (text[: cut.start()], text[cut.start() :]) if cut else (text, "")
        at = 0
        for code in _CODE.finditer(text):
            self._write(text[at : code.start()])
            at = code.end()
            if code[2] == "H":
                line, _, place = code[1].partition(";")
                self._line, self._place = int(line or 1) - 1, int(place or 1) - 1
            elif code[2] == "J":
                self._clear()
            elif code[1] == "?1049":
                self._full = code[2] == "h"  # a program's own screen, or back to the lines before it
                self._clear()
        self._write(text[at:])

    def rows(self) -> list[str]:
        """What stands there, without the blanks at the ends of lines."""
        return ["".join(row).rstrip() for row in self._rows]

    def _clear(self) -> None:
        self._rows = [[" "] * self.places for _ in range(self.lines)]
        self._line = self._place = 0

    def _write(self, text: str) -> None:
        for letter in text:
            if letter == "\r":
                self._place = 0
            elif letter == "\n" and self._line < self.lines - 1:
                self._line += 1
            elif letter == "\n":
                self._rows = [*self._rows[1:], [" "] * self.places]
            elif letter >= " ":
                if self._place == self.places and not self._full:
                    self._write("\r\n")
                if self._line < self.lines and self._place < self.places:
                    self._rows[self._line][self._place] = letter
                else:
                    self.beyond += letter
                self._place += 1


class PtyScreen:
    """A program that runs on such a screen."""

    def __init__(self, command: Sequence[object], environment: Mapping[str, str], places: int, lines: int) -> None:
        self.letters = Letters(places, lines)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (lines, places))
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    @property
    def text(self) -> str:
        """All that stands on the screen."""
        return "\n".join(self.letters.rows())

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def see(self, pattern: str) -> None:
        """Wait until it stands on the screen."""
        self.wait(lambda: re.search(pattern, self.text), pattern)

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Read on until a condition holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"no {what!r} on the screen:\n{self.text}"
            assert self.process.poll() is None, f"it ended:\n{self.text}"
            self._read(0.5)

    def end(self) -> int:
        """Wait until it has ended; its exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read(0.1)
        while self._read(0.1):
            pass
        assert self.process.poll() is not None, f"it did not end:\n{self.text}"
        return self.process.returncode

    def close(self) -> None:
        """End it, if it runs still, and close the terminal."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)

    def _read(self, seconds: float) -> bool:
        """Draw what was written; whether there was anything."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        with contextlib.suppress(OSError):  # the other side has closed
            if ready and (written := os.read(self.master, 65536)):
                self.letters.feed(self._decode(written))
                return True
        return False
