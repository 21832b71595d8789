"""The traffic of an open lab: one stream that goes on, whoever sends, at whatever rate, into whichever stack runs."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autograder.notebook.frame import EVERY_S
from autograder.traffic.clients import population
from autograder.traffic.flow import Flow
from autograder.traffic.send import Cookies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.notebook.room_traffic import Tally
    from autograder.stack.model import Stack
    from autograder.stack.running import RunningStack
    from autograder.traffic.clients import Population
    from autograder.traffic.sample import Sample

GENTLE = (50.0, 40.0)
"""Requests a second with which a lab begins, so that there is something to see: the first where each server alone has
room for four times as much, else the second. A pool of four equal servers, and one of twice their size, that takes
turns has shown after 370 requests that it is even, one that draws lots after 490 (median; most after 690): at 50
a second that is in 7, 10 and 14 seconds. More would be sooner, and too much for a machine that is busy otherwise.
"""
REST_AFTER_S = 60.0
"""So long after somebody looked or did something last, the traffic rests. An open lab takes a seventh of a processor,
nearly all of it for traffic: a class that has gone to lunch, or reads, would keep a large machine busy for nobody."""
_FIRST_S = 10.0
"""The same after a lab was opened: its panel is there by then, if anybody wants to see it."""
_RESTING_EVERY_S = 1.0
_CHECKOUTS = 0.1
_TIMEOUT_S = 2.0
"""When a client gives up: a slice is told when its last answer is there, and the picture should live."""
_PASSES_S = 5.0
_SLICES_S = {"local": EVERY_S}
_SLICE_S = 1.0
"""On engines where a call to the clients node takes a new interpreter, slices are longer."""


class Stream:
    """Sends until it is stopped, and has everything counted in a tally. Safe to use from several threads.

    A stack may say who sends (its first ``clients``); else it is ``many``, gently.
    """

    def __init__(self, stack: Stack, tally: Tally) -> None:
        meant = stack.clients[0] if stack.clients else None
        self.clients: Population = population(meant.population if meant else "many")
        self.rate = meant.rate if meant else gentle(stack)
        self._checkouts = meant.checkouts if meant else _CHECKOUTS
        self._tally = tally
        self._lock = threading.RLock()
        self._flow: Flow | None = None
        self._ebbing: list[Flow] = []
        """Flows that were stopped and still await answers."""
        self._closed = False
        self._cookies = Cookies()
        self._pauses = 0
        self._attended = time.monotonic() - REST_AFTER_S + _FIRST_S
        self._resting = False
        self.trouble = ""
        """Why nothing could be sent for a while; empty if the newest slice could."""
        self._failing_since = 0.0
        self.into: RunningStack | None = None
        """The stack that is sent to now."""

    def set_rate(self, rate: float) -> None:
        """So many requests a second from now on."""
        with self._lock:
            self.rate = rate
            self._heed()

    @property
    def sending(self) -> bool:
        """Whether anybody sends now, or is about to."""
        return self.rate > 0 and not self._resting

    @property
    def every_s(self) -> float:
        """How often it is worth while to look at what comes of it."""
        return _RESTING_EVERY_S if self._resting else EVERY_S

    def attend(self) -> None:
        """Somebody looks, or does something."""
        self._attended = time.monotonic()

    def rest_or_go_on(self, *, on_call: bool) -> str:
        """Let the traffic rest if nobody attended for a while, and let it go on when somebody does; never on call.

        Returns what to say of it, if that has changed.
        """
        rests = not on_call and time.monotonic() > self._attended + REST_AFTER_S
        if rests == self._resting:
            return ""
        with self._lock:
            self._resting = rests
            self._heed()
        return "nobody looks: the traffic rests until somebody does" if rests else "somebody looks: the traffic goes on"

    def _heed(self) -> None:
        if self._flow is not None:
            self._flow.rate = self.rate if self.sending else 0.0

    def set_clients(self, clients: Population) -> None:
        """Have others send from now on."""
        with self._lock:
            self.clients, self._cookies = clients, Cookies()
            if self.into is not None:
                self.begin(self.into)

    def begin(self, running: RunningStack) -> None:
        """Send to this stack from now on. No-op after :meth:`close`."""
        slice_s = _SLICES_S.get(running.machines.engine, _SLICE_S)

        def heard(start: float, what: Sample | Exception) -> None:
            if isinstance(what, Exception):
                self._failing_since = self._failing_since or time.monotonic()
                # One may fail as a machine wakes up, or is too busy: the next one tells.
                self.trouble = str(what) if time.monotonic() > self._failing_since + _PASSES_S else ""
            elif what.fates or not flow.behind:  # a slice that was left out says nothing of those under way
                self.trouble, self._failing_since = "", 0.0
                self._tally.add(start, what, slice_s)

        with self._lock:
            self.stop()
            if self._closed:
                return
            self.into = running
            if self._pauses:
                return
            flow = self._flow = Flow(
                *(running, self.clients, self.rate if self.sending else 0.0, self._checkouts),
                timeout=_TIMEOUT_S,
                slice_s=slice_s,
                hear=heard,
                seed=time.monotonic_ns(),
                cookies=self._cookies,
            )
            flow.__enter__()
            self._tally.forget_judged()

    def stop(self) -> None:
        """Send nothing more. Returns at once; what is answered yet is counted."""
        with self._lock:
            self._ebbing = [flow for flow in self._ebbing if not flow.over]
            if self._flow is not None:
                self._flow.stop()
                self._ebbing.append(self._flow)
            self._flow = self.into = None

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """While the block lasts nobody sends, and all answers are there: for others, who want to count alone."""
        with self._lock:
            self._pauses += 1
            into = self.into
            self.stop()
            self.into = into
            ebbing = tuple(self._ebbing)
        try:
            for flow in ebbing:
                flow.__exit__(None, None, None)
            yield
        finally:
            with self._lock:
                self._pauses -= 1
                if not self._pauses and self.into is not None:
                    self.begin(self.into)

    def close(self) -> None:
        """Stop for ever, and wait until every answer is there."""
        with self._lock:
            self._closed = True
            self.stop()
        for flow in self._ebbing:
            flow.__exit__(None, None, None)


def most(stack: Stack) -> float:
    """The slider's end: somewhat more than the whole pool can answer, within what a laptop can send."""
    return float(min(800, max(100, round(1.2 * sum(_holds(stack)), -2))))


def gentle(stack: Stack) -> float:
    """With how many requests a second a lab begins whose stack does not say it."""
    much, little = GENTLE
    return much if min(_holds(stack)) >= 4 * much else little


def _holds(stack: Stack) -> list[float]:
    """Requests a second that each server can answer."""
    times = ((one.workers, _CHECKOUTS * one.service_ms + (1 - _CHECKOUTS) * one.page_ms) for one in stack.servers)
    return [workers * 1000 / takes_ms for workers, takes_ms in times]
