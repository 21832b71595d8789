"""What the traffic of an open lab has shown: counted second by second, and judged over the last seconds."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autograder.judge.spread import Spread, SpreadVerdict, judge_spread
from autograder.notebook.frame import KEPT_S, Second
from autograder.traffic.sample import merged

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from autograder.traffic.sample import Sample

NOW_S = 2.0
"""What "now" means for shares and rates."""
_JUDGED_S = (10.0, 30.0)
"""What is judged: so many of the last seconds; where those do not tell, as at a low rate, so many."""
_LATE_S = 5.0
"""News of slices that are so far apart, or as far as the newest was late itself where that is more, are no news of now.
How late a slice is told does not count: on a busy machine, with the clients in a container, it may be ten seconds."""
_ROUNDING = 0.01
_JUDGED_MOST = (1200, 2000)
"""Requests that are judged at most, of each; more would cost time and say no more."""
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass
class _Count:
    """One second as it fills."""

    sent: int = 0
    failed: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    made: Second | None = None

    def second(self, at: int) -> Second:
        if self.made is None:
            total = self.counts.total()
            shares = {name: count / total for name, count in self.counts.items()}
            self.latencies.sort()
            half, most = _percentile(self.latencies, 0.5), _percentile(self.latencies, 0.99)
            self.made = Second(at, self.sent, self.sent - self.failed, self.failed, half, most, shares)
        return self.made


@dataclass(frozen=True)
class Now:
    """The last :data:`NOW_S` seconds: answers a second, part that fails (0 to 1), latencies, answers by server."""

    throughput: float
    failing: float
    p50_ms: float
    p99_ms: float
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Judged:
    """A sentence about the last seconds, whether it is bad, and the shares it is about (empty: nothing came)."""

    words: str
    alarm: bool
    shares: Mapping[str, float]


class Tally:
    """Everything that came back since the lab was opened, at ``zero`` (:func:`time.monotonic`). Safe for threads."""

    def __init__(self, zero: float) -> None:
        self._zero = zero
        self._lock = threading.Lock()
        self._seconds: dict[int, _Count] = {}
        self._slices: deque[tuple[float, Sample]] = deque()
        """Start and sample of the last seconds."""
        self._since = 0.0
        self._newest = 0.0
        """Start of the newest slice that was told of."""
        self._fresh_until = 0.0
        """Until when (:func:`time.monotonic`) that is the state of things."""

    def add(self, start: float, sample: Sample, slice_s: float) -> None:
        """Take a slice that began at ``start``; its requests are counted in the second in which they began."""
        with self._lock:
            self._slices.append((start, sample))
            self._newest = max(self._newest, start)
            told = time.monotonic()
            self._fresh_until = told + max(_LATE_S, told - start)
            fates = sample.fates
            if not fates:
                self._seconds.setdefault(int(start - self._zero), _Count())
            for number, fate in enumerate(fates):
                at = int(start - self._zero + number / len(fates) * slice_s)
                count = self._seconds.setdefault(at, _Count())
                count.made = None
                count.sent += 1
                count.failed += bool(fate.failure)
                if fate.server:
                    count.counts[fate.server] += 1
                if fate.status:
                    count.latencies.append(fate.latency_ms)
            newest = max(self._seconds, default=0)
            for at in [at for at in self._seconds if at < newest - KEPT_S]:
                del self._seconds[at]
            while self._slices and self._slices[0][0] < self._newest - _JUDGED_S[-1] - _LATE_S:
                self._slices.popleft()

    @property
    def fresh(self) -> bool:
        """Whether what is known is of now, whether anybody sends or not."""
        with self._lock:
            return time.monotonic() <= self._fresh_until

    def forget_judged(self) -> None:
        """From now on judge only what is sent from now on: something was changed."""
        with self._lock:
            self._since = time.monotonic()

    def seconds(self) -> tuple[Second, ...]:
        """The seconds of the last two minutes that are over; what is answered late is added when it comes."""
        with self._lock:
            oldest = int(time.monotonic() - self._zero) - KEPT_S
            newest = int(self._newest - self._zero)
            first = max(oldest, min(self._seconds, default=newest))
            return tuple((self._seconds.get(at) or _Count()).second(at) for at in range(first, newest))

    def answered_since(self, when: float) -> Counter[str]:
        """Good answers by server to what was sent since ``when`` (:func:`time.monotonic`), of the last seconds."""
        with self._lock:
            samples = [sample for start, sample in self._slices if start >= when]
        return Counter(fate.server for sample in samples for fate in sample.fates if fate.server and not fate.failure)

    def now(self) -> Now:
        """What came back of the last :data:`NOW_S` seconds that are known of."""
        fates = [fate for sample in self._last(NOW_S) for fate in sample.fates]
        counts = Counter(fate.server for fate in fates if fate.server)
        failed = sum(1 for fate in fates if fate.failure)
        waits = sorted(fate.latency_ms for fate in fates if fate.status)
        return Now(
            (len(fates) - failed) / NOW_S,
            failed / len(fates) if fates else 0.0,
            _percentile(waits, 0.5),
            _percentile(waits, 0.99),
            counts,
        )

    def _last(self, seconds: float, since: float = 0.0) -> list[Sample]:
        """Slices of so many seconds up to the newest that is known of; none if that is long ago."""
        with self._lock:
            if time.monotonic() > self._fresh_until:
                return []
            after = max(self._newest - seconds + _ROUNDING, since)
            return [sample for start, sample in self._slices if start >= after]

    def _recent(self, seconds: float, most: int) -> Sample | None:
        """The newest requests of so many seconds, without what was before a change; None if there is none."""
        recent: list[Sample] = []
        total = 0
        for sample in reversed(self._last(seconds, since=self._since)):
            if total < most and sample.fates:
                recent.append(sample)
                total += sample.requests
        return merged(recent) if recent else None

    def judged(self, fair: Mapping[str, float], up: Collection[str], *, sending: bool = True) -> Judged:
        """The judgement of what was sent in the last seconds, over the servers that are ``up``."""
        whole = self._recent(_JUDGED_S[0], _JUDGED_MOST[0])
        if whole is None:
            return Judged("undecided: no answer yet" if sending else "nobody sends", alarm=False, shares={})
        serving = {name: part for name, part in fair.items() if name in up}
        scale = sum(serving.values())
        shares = _shares(whole, fair)
        if not serving:
            return Judged("broken: no server is up", alarm=True, shares=shares)
        parts = {name: part / scale for name, part in serving.items()}
        verdict = judge_spread(whole, parts)
        longer = self._recent(_JUDGED_S[1], _JUDGED_MOST[1]) if verdict.spread is Spread.UNDECIDED else None
        if longer is not None and longer.requests > whole.requests:
            whole, verdict = longer, judge_spread(longer, parts)
            shares = _shares(whole, fair)
        words, alarm = _in_words(verdict, len(fair))
        if not sending and not any(sample.fates for sample in self._last(NOW_S)):
            return Judged("nobody sends", alarm=False, shares=shares)
        if shares and not verdict.units:
            words = f"undecided: {max(shares, key=lambda name: shares[name])} answered, and is down"
        if whole.failed and verdict.spread is not Spread.BROKEN:
            words += f"; {max(0.01, whole.failed / whole.requests):.0%} of the requests fail"
            alarm = True
        return Judged(words, alarm, shares)


def _shares(sample: Sample, fair: Mapping[str, float]) -> dict[str, float]:
    """The part of all answers that each of these servers gave; empty if there was none."""
    counts = sample.counts()
    answered = sum(counts.values())
    return {name: counts.get(name, 0) / answered for name in fair} if answered else {}


def _in_words(verdict: SpreadVerdict, servers: int) -> tuple[str, bool]:
    if verdict.spread is Spread.BROKEN:
        return "broken: every request fails", True
    if verdict.spread is Spread.IDLE:
        return "no request reaches a server", True
    most = verdict.share[verdict.hottest]
    if verdict.spread is Spread.CONCENTRATED:
        if most >= 0.9 and len(verdict.fair) > 1:
            return f"concentrated: {most:.0%} on one of {number_word(len(verdict.fair))} servers", True
        if verdict.silent and verdict.peak_to_fair < 2:
            return f"concentrated: {_listed(verdict.silent)} nothing", True
        fair = verdict.fair[verdict.hottest]
        return f"concentrated: {verdict.hottest} gets {most:.0%}, its fair share is {fair:.0%}", True
    of = "every server" if len(verdict.fair) == servers else f"each of the {number_word(len(verdict.fair))} that are up"
    if verdict.spread is Spread.EVEN:
        return f"even: {of} gets its fair share", False
    return f"undecided: {verdict.units} {verdict.unit}s do not tell yet", False


def _listed(names: tuple[str, ...]) -> str:
    return f"{names[0]} gets" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} get"


def number_word(count: int) -> str:
    """A small number as a word."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _percentile(ordered: list[float], part: float) -> float:
    """The value that ``part`` of an ordered list does not exceed; 0.0 for an empty one."""
    return ordered[min(len(ordered) - 1, max(0, -int(-part * len(ordered) // 1) - 1))] if ordered else 0.0
