"""What the guard counts, what it expects, and what it makes of it: plain frozen data between its parts.

A :class:`Window` is what was counted in a span of time. :mod:`autograder.guard.anomaly` compares windows and an
:class:`Intent`; the answer is a :class:`Decision`.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LATENCY_MS: tuple[float, ...] = tuple(round(2 ** (step / 2), 1) for step in range(25))
"""Upper edges of the latency buckets, 1 ms to 4.1 s in steps of √2; one more bucket holds what took longer."""
BUCKETS = len(LATENCY_MS) + 1
NO_LATENCY = (0,) * BUCKETS


@dataclass(frozen=True)
class ServerCount:
    """One server in one window.

    ``requests`` were given to it, ``failed`` of them failed. ``latency`` has :data:`BUCKETS` counts, all zero where
    nobody tells how long it took. ``up`` is what the balancer thinks of it (true where it does not tell); ``queued``
    how many requests wait for it now. Shares are compared within a ``pool``.
    """

    name: str
    requests: int
    failed: int = 0
    latency: tuple[int, ...] = NO_LATENCY
    up: bool = True
    queued: int = 0
    pool: str = ""


@dataclass(frozen=True)
class Window:
    """What one balancer did in ``seconds``. ``unserved`` requests failed and were given to no server."""

    seconds: float
    servers: tuple[ServerCount, ...] = ()
    unserved: int = 0

    @property
    def requests(self) -> int:
        """All of them, whatever became of them."""
        return sum(server.requests for server in self.servers) + self.unserved

    @property
    def failed(self) -> int:
        """Those that failed, with or without a server."""
        return sum(server.failed for server in self.servers) + self.unserved


@dataclass(frozen=True)
class Intent:
    """What should be. ``fair`` is each server's share of the requests of its pool (the shares of a pool sum to 1).

    A server of ``fair`` that is in no window got nothing. One that is in a window and not here was not declared.
    ``error_budget`` is the part of requests (0 to 1) that may fail whatever was before, ``latency_ms`` what is always
    quick enough (None: only the window before counts). ``pools`` says which pool a server of ``fair`` belongs to.
    """

    fair: Mapping[str, float]
    error_budget: float = 0.001
    latency_ms: float | None = None
    pools: Mapping[str, str] = field(default_factory=dict)


class Kind(StrEnum):
    """What to do. ``watching`` asks for more traffic."""

    WATCHING = "watching"
    KEEP = "keep"
    REVERT = "revert"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Decision:
    """What was decided, why in words for people, and the numbers it rests on."""

    kind: Kind
    reasons: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)


def bucket(milliseconds: float) -> int:
    """Which latency bucket a time falls into."""
    return bisect.bisect_left(LATENCY_MS, milliseconds)


def since(now: Window, before: Window) -> Window:
    """What happened between two cumulative counts of one balancer (``before`` is the earlier one).

    Sources add up over restarts of the balancer (:mod:`autograder.guard.tally`), so nothing ever gets less.
    """
    old = {(one.pool, one.name): one for one in before.servers}
    servers = []
    for one in now.servers:
        was = old.get((one.pool, one.name)) or ServerCount(one.name, 0, pool=one.pool)
        latency = tuple(a - b for a, b in zip(one.latency, was.latency, strict=True))
        servers.append(
            ServerCount(
                one.name, one.requests - was.requests, one.failed - was.failed, latency, one.up, one.queued, one.pool
            )
        )
    return Window(now.seconds - before.seconds, tuple(servers), now.unserved - before.unserved)


def together(windows: Iterable[Window]) -> Window:
    """Several balancers' windows of the same span as one: counts add up; a server is up if any of them says so."""
    found: dict[tuple[str, str], ServerCount] = {}
    seconds, unserved = 0.0, 0
    for window in windows:
        seconds = max(seconds, window.seconds)
        unserved += window.unserved
        for one in window.servers:
            was = found.get((one.pool, one.name))
            if was is None:
                found[one.pool, one.name] = one
                continue
            latency = tuple(a + b for a, b in zip(one.latency, was.latency, strict=True))
            found[one.pool, one.name] = ServerCount(
                one.name,
                one.requests + was.requests,
                one.failed + was.failed,
                latency,
                one.up or was.up,
                one.queued + was.queued,
                one.pool,
            )
    return Window(seconds, tuple(found.values()), unserved)
