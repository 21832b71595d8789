"""A pool of servers behind a HAProxy, second by second in numbers: what a Prometheus would have recorded of it.

Nothing runs here. A server is a queue: it works on so many requests a second, the others wait, and when too many wait
it dies with all of them, as the labs' shop does. Names and labels of the series are those that the shop and HAProxy's
own exporter have; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

STEP_S: Final = 30
"""Seconds between two looks of Prometheus, and between two evaluations of rules."""
WORKERS: Final = 4
PER_WORKER: Final = 5.0
"""Requests that a worker answers in a second, at its best."""
ROOM: Final = 900
"""Requests that may wait in a server: one more, and it dies."""
USUAL_S: Final = 1 / PER_WORKER
"""Seconds that an answer takes when nothing is wrong."""
_AVERAGED_OVER: Final = 1024
"""HAProxy's averages are over so many of the last answers."""
_BACKGROUND: Final = 0.0003
"""Part of all requests that fails on the best of days."""
_BALANCER = 'instance="lb:8404",job="balancer"'
_POOL = f'{_BALANCER},proxy="shop"'
Value = float | None
"""None where a series has ended: its server cannot be asked."""


@dataclass(frozen=True)
class Moment:
    """What happens during one step. ``shares`` are for the servers in their order, and add up to 1.

    ``rate`` is requests a second. ``failing`` is the part that servers answer with an error, ``refused`` the part for
    which the balancer finds no server, ``away`` are servers that are down, ``extra_s`` makes every answer slower, and
    ``burst`` is a number of requests that fail besides.
    """

    rate: float
    shares: tuple[float, ...]
    failing: float = 0.0
    refused: float = 0.0
    away: frozenset[int] = frozenset()
    extra_s: float = 0.0
    burst: int = 0
    healed: bool = False
    """Servers that died are started again."""
    weights: tuple[float, ...] = ()
    """What the balancer's config says, if that is not what servers get: a cookie or a hash can give one more."""


@dataclass
class _Server:
    ok: int = 0
    bad: int = 0
    waiting: float = 0.0
    busy: float = 0.0
    dead: bool = False
    answer_s: float = USUAL_S


@dataclass
class World:
    """Servers called ``names``, and every series of theirs until now."""

    names: tuple[str, ...]
    dice: random.Random
    series: dict[str, list[Value]] = field(default_factory=dict)
    failed: int = 0
    """Requests of users that failed, until now."""
    slowest_s: float = USUAL_S
    """What an answer of the slowest server takes now."""
    _good: int = 0
    _average_s: float = USUAL_S

    def __post_init__(self) -> None:
        self._servers = [_Server() for _ in self.names]

    def step(self, now: Moment) -> None:
        """Let one step pass, and write down what a look at its end finds."""
        if now.healed:
            for one in self._servers:
                one.dead = False
        requests = self._about(now.rate * STEP_S)
        refused = min(requests, self._about(requests * now.refused))
        asked = self._split(requests - refused, now)
        self.failed += requests - sum(asked) + now.burst
        answered, times = 0, 0.0
        for number, one in enumerate(self._servers):
            if number in now.away or one.dead:
                one.ok = one.bad = 0  # its counters begin at nothing when it is back
                one.waiting = one.busy = 0.0
                continue
            done = self._work(one, asked[number], now)
            answered += done
            times += done * one.answer_s
        if answered:
            self._average_s += min(1.0, answered / _AVERAGED_OVER) * (times / answered - self._average_s)
        self._note(now)

    def _split(self, requests: int, now: Moment) -> list[int]:
        """Requests for each server; a server that is known to be down gets none, one that died a moment ago does."""
        shares = [0.0 if number in now.away else share for number, share in enumerate(now.shares)]
        alive = [0.0 if one.dead else share for one, share in zip(self._servers, shares, strict=True)]
        whole = sum(shares)
        if not whole:
            return [0] * len(shares)
        lost = self._about(requests * (whole - sum(alive)) / whole)
        kept, left = max(requests - lost, 0), sum(alive)
        if not left:
            return [0] * len(shares)
        if kept < len(alive):  # at night every request is somebody's
            chosen = [self.dice.choices(range(len(alive)), alive)[0] for _ in range(kept)]
            return [chosen.count(number) for number in range(len(alive))]
        ends = [round(kept * sum(alive[: number + 1]) / left) for number in range(len(alive))]
        return [end - before for end, before in zip(ends, [0, *ends], strict=False)]

    def _work(self, one: _Server, asked: int, now: Moment) -> int:
        most = WORKERS * PER_WORKER * STEP_S
        one.waiting += asked
        done = round(min(one.waiting, most))
        one.waiting -= done
        if one.waiting > ROOM:
            self.failed += round(one.waiting)
            one.dead, one.ok, one.bad, one.waiting, one.busy = True, 0, 0, 0.0, 0.0
            return 0
        bad = self._about(done * (now.failing + _BACKGROUND))
        takes_s = USUAL_S + now.extra_s
        one.busy = WORKERS if one.waiting else min(float(WORKERS), round(done / STEP_S * takes_s))
        one.ok, one.bad = one.ok + done - bad, one.bad + bad
        self._good, self.failed = self._good + done - bad, self.failed + bad
        now_s = takes_s + one.waiting / (WORKERS * PER_WORKER)
        one.answer_s += min(1.0, done / _AVERAGED_OVER * len(self.names)) * (now_s - one.answer_s)
        return done

    def _about(self, mean: float) -> int:
        """A whole number near ``mean``, as counts of events are."""
        if mean <= 0:
            return 0
        if mean > 20:
            return max(0, round(self.dice.gauss(mean, mean**0.5)))
        whole, threshold = 0, 2.718281828459045**-mean
        product = self.dice.random()
        while product > threshold:
            whole += 1
            product *= self.dice.random()
        return whole

    def _note(self, now: Moment) -> None:
        length = len(next(iter(self.series.values()), []))
        self.slowest_s = max(one.answer_s for one in self._servers)
        looked: dict[str, Value] = {f"up{{{_BALANCER}}}": 1}
        for number, (name, one) in enumerate(zip(self.names, self._servers, strict=True)):
            down = number in now.away or one.dead
            own = f'instance="{name}:8080",job="servers",server="{name}"'
            looked[f"up{{{own}}}"] = 0 if down else 1
            told = {
                f'shop_requests_total{{{own},status="200"}}': one.ok,
                f'shop_requests_total{{{own},status="500"}}': one.bad,
                f"shop_workers{{{own}}}": WORKERS,
                f"shop_busy_workers{{{own}}}": one.busy,
                f"shop_waiting_requests{{{own}}}": round(one.waiting),
            }
            looked |= {key: None if down else value for key, value in told.items()}
            known = f'{_POOL},server="{name}"'
            looked[f"haproxy_server_response_time_average_seconds{{{known}}}"] = round(one.answer_s, 3)
            looked[f"haproxy_server_weight{{{known}}}"] = round(100 * (now.weights or now.shares)[number])
        looked[f'haproxy_backend_http_responses_total{{{_POOL},code="2xx"}}'] = self._good
        looked[f'haproxy_backend_http_responses_total{{{_POOL},code="5xx"}}'] = self.failed
        looked[f"haproxy_backend_response_time_average_seconds{{{_POOL}}}"] = round(self._average_s, 3)
        for key, value in looked.items():
            self.series.setdefault(key, [None] * length).append(value)


def fair(number: int) -> tuple[float, ...]:
    """Equal shares for so many servers."""
    return (1 / number,) * number


def leaning(number: int, whose: int, share: float) -> tuple[float, ...]:
    """One server gets ``share``, the others what is left."""
    return tuple(share if one == whose else (1 - share) / (number - 1) for one in range(number))


def in_promtools_words(values: Sequence[Value]) -> str:
    """Values as ``promtool test rules`` reads them; a series that ends is said to be stale, as Prometheus does it."""
    words: list[str] = []
    at = 0
    while at < len(values):
        end = at
        while end + 1 < len(values) and values[end + 1] == values[at]:
            end += 1
        again = end - at
        value = values[at]
        if value is None:
            ended = at > 0
            words.append("stale" if ended else "_")
            if again:
                words.append(f"_x{again}")
        else:
            words.append(f"{value:g}+0x{again}" if again and value < 1e6 else " ".join([_number(value)] * (again + 1)))
        at = end + 1
    return " ".join(words)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
