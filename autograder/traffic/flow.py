"""Traffic that does not end: a stream of requests at a steady rate, told about slice by slice.

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
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from autograder.stack.model import Door
    from autograder.stack.running import RunningStack
    from autograder.traffic.clients import Population, Request

SLICE_S = 1.0
ASLEEP = 2.0
"""Who is so many slices late was asleep, as a laptop with its lid closed: what was due meanwhile is not sent at once
afterwards, when it would be a crowd that nobody asked for."""
_SPARE = 3
"""Slices that may be under way beyond those whose answers can be awaited. When there are more, the machine cannot keep
up, and another one would make it worse: it is left out."""
_ROUNDING = 1e-6
_AHEAD_S = {"local": 0.1}
"""A slice is handed to the clients node this long before its first request is due, so that there is no gap."""
_FAR_AHEAD_S = 0.5
"""The same on engines where a call takes a new interpreter there."""


class Flow:
    """Open-loop traffic in slices of ``slice_s`` seconds, back to back; iterate over it for their samples, in order.

    A slice starts on time even if answers to an earlier one are still awaited. Nothing is dropped: every request sent
    is in exactly one sample. Cookies live as long as the flow, unless some are given; kept-alive connections live as
    long as their slice.
    ``rate`` is in requests a second and may be changed (0: nobody sends), which the next slice heeds; ``checkouts`` is
    the part (0 to 1) of them that is the expensive page.

    With ``hear`` there is nothing to iterate over: it is called, from a thread of the slice's own, as soon as the
    slice's last answer is there, with the slice's start (:func:`time.monotonic`) and its sample, or what :func:`send`
    raised.
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
        slice_s: float = SLICE_S,
        hear: Callable[[float, Sample | Exception], None] | None = None,
        cookies: Cookies | None = None,
    ) -> None:
        if rate < 0:
            raise ValueError(f"a rate is 0 or more requests a second, not {rate}")
        self._running, self._door, self._timeout = running, door, timeout
        self._population = population
        self.rate = rate
        self._checkouts, self._seed = checkouts, seed
        self._slice_s, self._hear = slice_s, hear
        self._ahead_s = _AHEAD_S.get(running.machines.engine, _FAR_AHEAD_S)
        self._cookies = cookies or Cookies()
        self.behind = False
        """Whether the slice told last was left out because the machine cannot keep up: nothing of it was sent, and
        earlier ones are still to be told."""
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
        """The slices' samples, until :meth:`stop` and the last answer. Raises what :func:`send` raised, if it did."""
        while (slice_ := self._slices.get()) is not None:
            outcome = slice_.get()
            if isinstance(outcome, Exception):
                self.stop()
                raise outcome
            yield outcome

    def stop(self) -> None:
        """Send no further slice. Returns at once."""
        self._ending.set()

    @property
    def over(self) -> bool:
        """Whether it was stopped and all answers are there."""
        return self._ending.is_set() and not self._conductor.is_alive()

    def _conduct(self) -> None:
        start = time.monotonic() + self._ahead_s
        number = 0
        first = 0.0
        """When the next request is due, in seconds after the start."""
        rate = self.rate
        senders: list[threading.Thread] = []
        while not self._ending.wait(max(0.0, start + number * self._slice_s - self._ahead_s - time.monotonic())):
            late = time.monotonic() - (start + number * self._slice_s)
            if late > ASLEEP * self._slice_s:
                start += late
            number += 1
            begins = (number - 1) * self._slice_s
            if rate != self.rate or not rate:
                first = begins  # what was due at another rate is not waited for
            rate = self.rate
            # Whole requests, those that are due in this slice; the next slice goes on where this one ends.
            due = math.ceil((begins + self._slice_s - first) * rate - _ROUNDING)
            senders = [one for one in senders if one.is_alive()]
            self.behind = len(senders) > self._timeout / self._slice_s + _SPARE
            if self.behind:
                due, first = 0, begins + self._slice_s
            requests = self._population.shop(max(0, due), self._seed + number, self._checkouts)
            sender = self._slice(requests, rate, start + (first if requests else begins))
            if sender is not None:
                first += len(requests) / rate
                senders.append(sender)
        for sender in senders:
            sender.join()
        self._slices.put(None)

    def _slice(self, requests: tuple[Request, ...], rate: float, start: float) -> threading.Thread | None:
        """Send a slice from a thread of its own, which is returned; a slice without requests needs none."""
        outcome: queue.Queue[Sample | Exception] = queue.Queue()
        if self._hear is None:
            self._slices.put(outcome)
        if not requests:
            self._told(outcome, start, Sample(self._population.name, self._population.described, (), 0.0))
            return None
        sender = threading.Thread(target=self._one, args=(requests, rate, start, outcome), name="flow", daemon=True)
        sender.start()
        return sender

    def _told(self, outcome: queue.Queue[Sample | Exception], start: float, what: Sample | Exception) -> None:
        if self._hear is None:
            outcome.put(what)
        else:
            self._hear(start, what)

    def _one(
        self, requests: tuple[Request, ...], rate: float, start: float, outcome: queue.Queue[Sample | Exception]
    ) -> None:
        try:
            sample: Sample | Exception = send(
                self._running,
                self._population,
                requests,
                rate=rate,
                timeout=self._timeout,
                door=self._door,
                cookies=self._cookies,
                start=start,
            )
        except Exception as error:
            sample = error
        self._told(outcome, start, sample)
