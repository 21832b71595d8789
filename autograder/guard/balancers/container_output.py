"""What nginx writes to a container's output, as a counter: Docker is listened to all the time, by a thread.

Asking for what came since the last look would have Docker read its whole log again, each time.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.guard.balancers.access_log import count_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autograder.guard.tally import Tally

_AGAIN_S = 0.5


class ContainerOutput:
    """One container's output. What was there before the first look does not count.

    ``follow`` gives it from a time on (epoch seconds), each line with its time, until it breaks off. ``clock`` tells
    what time it is where the container is, as Docker writes it.
    """

    def __init__(self, follow: Callable[[int], Iterator[bytes]], clock: Callable[[], str], name: str) -> None:
        self._follow, self._clock, self._name = follow, clock, name
        self._last = ""
        self._listening: threading.Thread | None = None
        self._trouble: ManyHandsError | None = None

    def read(self, tally: Tally) -> None:
        """Have every line counted from now on. Raises :class:`ManyHandsError` while nobody can listen."""
        if self._listening is None:
            self._last = self._clock()
            # It ends with the process: nobody waits for a container that says nothing.
            self._listening = threading.Thread(target=self._listen, args=(tally,), name=self._name, daemon=True)
            self._listening.start()
        if self._trouble is not None:
            raise self._trouble

    def _listen(self, tally: Tally) -> None:
        pause = threading.Event()
        while True:
            try:
                self._hear(tally)
                self._trouble = None  # Docker broke off, as when the container was started again
            except ManyHandsError as error:
                self._trouble = error
            pause.wait(_AGAIN_S)

    def _hear(self, tally: Tally) -> None:
        rest, already = b"", self._last
        for piece in self._follow(_epoch(self._last)):
            self._trouble = None
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                at, _, said = line.partition(b" ")
                when = at.decode(errors="replace")
                if when > already and when[:1].isdigit():  # Docker's times are equally long, to the ns
                    self._last = when
                    count_line(said, tally)


def _epoch(when: str) -> int:
    """Of Docker's time, a little early: what comes twice is told by its time."""
    return int(datetime.fromisoformat(when[:19] + "+00:00").timestamp())
