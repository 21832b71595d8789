"""What came back: every request with its fate, counted at the servers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

_LONGEST_US = 3_600_000_000
_DIGITS = 3

_GIVEN_BY = {
    "5xx-server": "server",
    "5xx-balancer": "balancer",
    "forged": "balancer",
    "refused": "nobody",
    "reset": "nobody",
    "timeout": "nobody",
    "unreadable": "nobody",
}
FAILURES = tuple(_GIVEN_BY)
"""Every kind of failure there is."""


@dataclass(frozen=True)
class Fate:
    """What became of one request.

    ``server`` is set only if that server's journal has this request's nonce together with the receipt that the client
    was given. ``failure`` is empty for an answer below 500, else one of :data:`FAILURES`: ``refused`` (nobody took the
    connection), ``reset`` (it broke), ``timeout``, ``unreadable`` (no answer in the door's protocol), ``5xx-server``
    (a server's own error), ``5xx-balancer`` (an error that no server gave) or ``forged`` (a page that no server
    gave). ``status`` is 0 without an answer, and 200 for any line where the door speaks TCP. ``latency_ms`` counts
    from the intended start.
    """

    client: int
    address: str
    status: int
    failure: str
    latency_ms: float
    server: str
    checkout: bool = False
    """Whether that server worked on a checkout, whatever the client asked for: a balancer may change the path."""


@dataclass(frozen=True)
class Sample:
    """The fates of one run of traffic through a balancer. Always: requests = answers + failures."""

    population: str
    described: str
    fates: tuple[Fate, ...]
    seconds: float
    extra: int = 0
    """Requests that servers worked on without their client getting that answer: retries, mirrors, lost answers."""

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return len(self.fates)

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(1 for fate in self.fates if fate.failure)

    @property
    def failures(self) -> dict[str, int]:
        """How many failed in which way."""
        return dict(Counter(fate.failure for fate in self.fates if fate.failure))

    @property
    def statuses(self) -> dict[int, int]:
        """How many answers had which status, failures among them; requests without an answer are left out."""
        return dict(Counter(fate.status for fate in self.fates if fate.status))

    def by_whom(self) -> dict[str, int]:
        """How many failures each gave: ``server``, ``balancer``, or ``nobody`` where no answer came."""
        return dict(Counter(_GIVEN_BY[fate.failure] for fate in self.fates if fate.failure))

    def counts(self) -> dict[str, int]:
        """Requests answered by each server that answered any.

        A server's own 500 counts: this tells where requests went, not how they fared (see :attr:`failures` for that).
        """
        return dict(Counter(fate.server for fate in self.fates if fate.server))

    def shares(self) -> dict[str, float]:
        """Each answering server's part of all answered requests."""
        counts = self.counts()
        total = sum(counts.values())
        return {server: count / total for server, count in counts.items()}

    @cached_property
    def latencies(self) -> HdrHistogram:
        """Latencies in microseconds of the requests that got an answer (1 µs to 1 h, to three digits).

        ``latencies.add(other)`` joins two, ``latencies.encode()`` makes bytes that any HdrHistogram reads.
        """
        from hdrh.histogram import HdrHistogram  # only where somebody asks how long it took

        made = HdrHistogram(1, _LONGEST_US, _DIGITS)
        for microseconds, count in Counter(round(fate.latency_ms * 1000) for fate in self.fates if fate.status).items():
            made.record_value(max(1, microseconds), count)
        return made

    def percentile_ms(self, part: float) -> float:
        """Latency that ``part`` (0 to 1) of the requests that got an answer did not exceed; 0.0 if none did."""
        if not self.latencies.total_count:
            return 0.0
        return float(self.latencies.get_value_at_percentile(part * 100)) / 1000


def merged(samples: list[Sample]) -> Sample:
    """Several samples of the same population as one. ``samples`` must not be empty."""
    first = samples[0]
    return Sample(
        first.population,
        first.described,
        tuple(fate for sample in samples for fate in sample.fates),
        sum(sample.seconds for sample in samples),
        sum(sample.extra for sample in samples),
    )
