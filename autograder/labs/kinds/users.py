"""Users of a shop whose balancer somebody works on: they come before, meanwhile and after, and are counted."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.stack.model import Door
    from autograder.stack.running import RunningStack
    from autograder.traffic.sample import Sample

QUIET: Final = 80
"""Requests that tell how many fail while nobody does anything."""
_RATE: Final = 40.0
"""Requests a second from users who keep coming."""
_BATCH: Final = 20
_PATIENCE_S: Final = 20.0


def visit(running: RunningStack, door: Door, requests: int, seed: int, rate: float | None = None) -> Sample:
    """Let many people browse through one door."""
    people = population("many")
    plan = people.browse(requests, seed=seed)
    return send(running, people, plan, concurrency=8, rate=rate, timeout=_PATIENCE_S, door=door)


@contextmanager
def users_coming(running: RunningStack, door: Door) -> Iterator[list[Sample]]:
    """Users who keep coming until it is over; what they met. The first have been there when it begins."""
    over, begun = threading.Event(), threading.Event()
    seen: list[Sample] = []

    def come() -> None:
        try:
            while not over.is_set():
                seen.append(visit(running, door, _BATCH, len(seen), _RATE))
                begun.set()
        finally:
            begun.set()

    with ThreadPoolExecutor(1, "users") as pool:
        coming = pool.submit(come)
        try:
            begun.wait()
            yield seen
        finally:
            over.set()
        coming.result()
