"""Traffic that does not end: a stream of requests at a steady rate, told about second by second.

>>> with Flow(running, population("many"), rate=50.0) as flow:        # doctest: +SKIP
...     for sample in flow:
...         print(sample.counts())
"""

from __future__ import annotations

import math
import queue
import threading
import time
from typing import TYPE_CHECKING, Self

from autograder.traffic.sample import Sample
from autograder.traffic.send import Cookies, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from autograder.stack.model import Door
    from autograder.stack.running import RunningStack
    from autograder.traffic.clients import Population, Request

SLICE_S = 1.0
_ROUNDING = 1e-6
_AHEAD_S = 0.1
"""A slice is handed to the clients node this long before its first request is due, so that there is no gap."""


class Flow:
    """Open-loop traffic in slices of a second, back to back; iterate over it for the sample of each slice, in order.

    A slice starts on time even if answers to an earlier one are still awaited. Nothing is dropped: every request sent
    is in exactly one sample. Cookies live as long as the flow; kept-alive connections as long as their slice.
    ``rate`` is in requests a second and may be changed, which the next slice heeds; ``checkouts`` is the part (0 to 1)
    of them that is the expensive page.
    """

    def __init__(
        self,
        running: RunningStack,
        population: Population,
        rate: float = 50.0,
        checkouts: float = 0.1,
        *,
        door: Door | None = None,
        timeout: float = 5.0,
        seed: int = 0,
    ) -> None:
        if rate <= 0:
            raise ValueError(f"a rate is more than 0 requests a second, not {rate}")
        self._running, self._door, self._timeout = running, door, timeout
        self._population = population
        self.rate = rate
        self._checkouts, self._seed = checkouts, seed
        self._cookies = Cookies()
        self._slices: queue.Queue[queue.Queue[Sample | Exception] | None] = queue.Queue()
        self._ending = threading.Event()
        self._conductor = threading.Thread(target=self._conduct, name="flow", daemon=True)

    def __enter__(self) -> Self:
        """Start sending."""
        self._conductor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sending and wait for the answers to what was sent; they can still be iterated over."""
        self.stop()
        self._conductor.join()

    def __iter__(self) -> Iterator[Sample]:
        """A sample a second, until :meth:`stop` and the last answer. Raises what :func:`send` raised, if it did."""
        while (slice_ := self._slices.get()) is not None:
            outcome = slice_.get()
            if isinstance(outcome, Exception):
                self.stop()
                raise outcome
            yield outcome

    def stop(self) -> None:
        """Send no further slice. Returns at once."""
        self._ending.set()

    def _conduct(self) -> None:
        start = time.monotonic() + _AHEAD_S
        number = 0
        first = 0.0
        """When the next request is due, in seconds after the start."""
        senders = []
        while not self._ending.wait(max(0.0, start + number * SLICE_S - _AHEAD_S - time.monotonic())):
            number += 1
            # Whole requests, those that are due in this second; the next slice goes on where this one ends.
            rate = self.rate
            count = max(0, math.ceil((number * SLICE_S - first) * rate - _ROUNDING))
            requests = self._population.shop(count, self._seed + number, self._checkouts)
            outcome: queue.Queue[Sample | Exception] = queue.Queue()
            work = (requests, rate, start + first, outcome)
            sender = threading.Thread(target=self._one, args=work, name="flow", daemon=True)
            sender.start()
            senders.append(sender)
            self._slices.put(outcome)
            first += count / rate
            senders = [one for one in senders if one.is_alive()]
        for sender in senders:
            sender.join()
        self._slices.put(None)

    def _one(
        self, requests: tuple[Request, ...], rate: float, start: float, outcome: queue.Queue[Sample | Exception]
    ) -> None:
        try:
            sample = send(
                self._running,
                self._population,
                requests,
                rate=rate,
                timeout=self._timeout,
                door=self._door,
                cookies=self._cookies,
                start=start,
            )
            outcome.put(sample)
        except Exception as error:
            outcome.put(error)
