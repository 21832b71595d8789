"""What came back: every request with its fate, counted at the servers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Fate:
    """What became of one request.

    ``server`` is set only if that server's journal has this request's nonce together with the receipt that the client
    was given. ``failure`` is empty for an answer below 500, else ``refused``, ``reset``, ``timeout``, ``unreadable``,
    ``5xx`` or ``forged`` (an answer that no server gave). ``latency_ms`` counts from the intended start.
    """

    client: int
    address: str
    status: int
    failure: str
    latency_ms: float
    server: str


@dataclass(frozen=True)
class Sample:
    """The fates of one run of traffic through a balancer."""

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

    def counts(self) -> dict[str, int]:
        """Requests answered by each server that answered any."""
        return dict(Counter(fate.server for fate in self.fates if fate.server))

    def shares(self) -> dict[str, float]:
        """Each answering server's part of all answered requests."""
        counts = self.counts()
        total = sum(counts.values())
        return {server: count / total for server, count in counts.items()}

    def percentile_ms(self, part: float) -> float:
        """Latency that ``part`` (0 to 1) of the requests that got an answer stayed below; 0.0 if none did."""
        known = sorted(fate.latency_ms for fate in self.fates if fate.status)
        return known[min(len(known) - 1, int(part * len(known)))] if known else 0.0


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
