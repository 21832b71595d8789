"""Users of a twin who come all the time that a drill takes, at a steady rate, and are counted slice by slice."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

from autograder.guard.drill.window import Slice, in_order
from autograder.inspect.legs import legs, prefixes
from autograder.inspect.pools import pools_of
from autograder.stack.engine import EngineError
from autograder.traffic.clients import Population, population
from autograder.traffic.flow import Flow
from autograder.traffic.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from autograder.stack.model import Door
    from autograder.stack.twin.twin import Twin
    from autograder.traffic.clients import Request

SLICE_S: Final = 0.5
_TIMEOUT_S: Final = 5.0
_UNSENT: Final = 10
"""Slices in a row that may be lost to this machine."""
_STALLED_S: Final = 120.0
"""Without any slice for so long, it is this machine that does not come along."""


@dataclass(frozen=True)
class Visitors(Population):
    """People who, in turn, ask for pages that lead to each pool: ``beginnings`` is what the paths begin with."""

    beginnings: tuple[str, ...] = ("",)

    def shop(self, count: int, seed: int = 0, checkouts: float = 0.0) -> tuple[Request, ...]:
        """``count`` requests."""
        asked = super().shop(count, seed, checkouts)
        return tuple(
            replace(one, path=f"{self.beginnings[number % len(self.beginnings)].rstrip('/')}{one.path}")
            for number, one in enumerate(asked)
        )


def visitors(twin: Twin, main: str, proxy: str) -> tuple[Visitors, Door]:
    """Who comes to a twin, and through which door: the first one that reaches servers.

    Raises :class:`EngineError` if there is none that clients can reach.
    """
    reached = prefixes(twin.files, main, proxy, [pool.name for pool in pools_of(twin)])
    found = legs(twin.doors, reached)
    if not found:
        raise EngineError("the config takes no traffic that clients could send", remedy="let it listen at a port")
    door = found[0].door
    beginnings = tuple(dict.fromkeys(leg.prefix for leg in found if leg.door == door))
    people = population("many")
    return Visitors(people.name, people.clients, people.described, beginnings=beginnings), door


class Users:
    """The users of one drill, as a context manager: they come while it is open."""

    def __init__(self, twin: Twin, people: Population, door: Door, rate: float) -> None:
        self._heard: list[Slice] = []
        self._nothing = Sample(people.name, people.described, (), 0.0)
        self._unsent = 0
        self._error: Exception | None = None
        self._changed = threading.Condition()
        self._flow = Flow(
            twin.running, people, rate, 0.0, door=door, timeout=_TIMEOUT_S, slice_s=SLICE_S, hear=self._hear
        )

    def _hear(self, start: float, what: Sample | Exception) -> None:
        with self._changed:
            if isinstance(what, EngineError) and self._unsent < _UNSENT:
                self._unsent += 1  # a busy machine could not send these; the next ones may tell
                what = self._nothing
            if isinstance(what, Exception):
                self._error = self._error or what
            else:
                self._unsent = 0 if what.requests else self._unsent
                self._heard.append(Slice(start, what))
            self._changed.notify_all()

    def all(self) -> tuple[Slice, ...]:
        """Every slice so far, in order."""
        with self._changed:
            return tuple(sorted(self._heard, key=lambda one: one.start))

    def follow(self, start: float, see: Callable[[Slice], bool]) -> None:
        """Show ``see`` each slice that began at ``start`` or later, in order, until it returns True.

        Raises :class:`EngineError` if users cannot come, or what their sending raised.
        """
        shown = start
        while True:
            with self._changed:
                ready = self._wait_for_more(shown)
            for one in ready:
                shown = one.start + SLICE_S / 4  # what comes late, behind one that was shown, is not shown
                if see(one):
                    return

    def _wait_for_more(self, shown: float) -> tuple[Slice, ...]:
        deadline = time.monotonic() + _STALLED_S
        while True:
            if self._error is not None:
                raise self._error
            now = time.monotonic()
            ordered = in_order(self._heard, SLICE_S, now, _TIMEOUT_S + 2.0)
            if ready := tuple(one for one in ordered if one.start >= shown):
                return ready
            if now >= deadline:
                raise EngineError("no user came for two minutes", why="this machine is too busy to send traffic")
            self._changed.wait(1.0)

    def __enter__(self) -> Self:
        """Let them come."""
        self._flow.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let nobody come any more, and wait for the last answers."""
        self._flow.__exit__(kind, error, trace)
