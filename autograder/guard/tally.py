"""Adding up what balancers count: their own counters begin anew with each reload, ours never get less."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from autograder.guard.counts import BUCKETS, ServerCount, Window, bucket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.traffic.sample import Sample

_Key = tuple[str, str]
"""Pool and server; an empty server is none at all."""


class Tally:
    """Counts that only grow. Safe to use from several threads."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._requests: Counter[_Key] = Counter()
        self._failed: Counter[_Key] = Counter()
        self._latency: dict[_Key, list[int]] = defaultdict(lambda: [0] * BUCKETS)
        self._down: set[_Key] = set()
        self._queued: dict[_Key, int] = {}
        self._unserved = 0

    def add(
        self, pool: str, server: str, requests: int = 1, failed: int = 0, milliseconds: float | None = None
    ) -> None:
        """So many more requests, each of which took so long if that is known."""
        key = (pool, server)
        with self._lock:
            self._requests[key] += requests
            self._failed[key] += failed
            if milliseconds is not None:
                self._latency[key][bucket(milliseconds)] += requests

    def add_unserved(self, requests: int) -> None:
        """So many more that failed and reached no server."""
        with self._lock:
            self._unserved += requests

    def mark(self, pool: str, server: str, *, up: bool, queued: int = 0) -> None:
        """What the balancer thinks of a server now."""
        key = (pool, server)
        with self._lock:
            self._requests[key] += 0
            (self._down.discard if up else self._down.add)(key)
            self._queued[key] = queued

    def hear(self, start: float, sample: Sample | Exception) -> None:  # noqa: ARG002 - as a flow calls it
        """What clients of a stack saw: the ``hear`` of a :class:`~autograder.traffic.flow.Flow`."""
        if isinstance(sample, Exception):
            return
        for fate in sample.fates:
            if fate.server:
                self.add("", fate.server, 1, int(bool(fate.failure)), fate.latency_ms)
            else:
                self.add_unserved(int(bool(fate.failure)))

    def window(self) -> Window:
        """All that was counted since this began."""
        with self._lock:
            servers = tuple(
                ServerCount(
                    name_of(*key),
                    count,
                    self._failed[key],
                    tuple(self._latency[key]),
                    key not in self._down,
                    self._queued.get(key, 0),
                    key[0],
                )
                for key, count in sorted(self._requests.items())
            )
            return Window(time.monotonic() - self._began, servers, self._unserved)


def name_of(pool: str, server: str) -> str:
    """What a server is called in counts: servers of two pools may have the same name."""
    return f"{pool}/{server}" if pool else server


class Growing:
    """Turns counters that may begin anew (a reload, a restart) into what was added since the last look."""

    def __init__(self) -> None:
        self._last: Mapping[str, int] = {}
        self._of: object = None
        self._first = True

    def added(self, counters: Mapping[str, int], of: object) -> dict[str, int]:
        """``of`` names the process that counts. The first look adds nothing: it is from before our time."""
        fresh, last = of != self._of, self._last
        begins, self._first = self._first, False
        self._of, self._last = of, dict(counters)
        if begins:
            return dict.fromkeys(counters, 0)
        return {
            name: value if fresh or value < last.get(name, 0) else value - last.get(name, 0)
            for name, value in counters.items()
        }
