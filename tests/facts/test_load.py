"""What module 6 says about load tests: the omission on a real stack, and the arithmetic of knees, crowds and gates."""

from __future__ import annotations

import heapq
import math
import random
import re
import threading
from pathlib import Path

import pytest

from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import RunningStack, open_stack
from autograder.traffic.clients import population
from autograder.traffic.sample import Sample
from autograder.traffic.send import send
from tests.facts.shop import nginx, words_of

MODULE = Path(__file__).parents[2] / "course/modules/06-load"
SLOW_MS = 500.0


def frozen(running: RunningStack, seconds: float) -> threading.Thread:
    """Freeze the server for so long, from now on."""
    running.pause("app1")
    thread = threading.Timer(seconds, running.resume, ["app1"])
    thread.start()
    return thread


def slow(sample: Sample) -> int:
    assert not sample.failed, sample.failures
    return sum(fate.latency_ms > SLOW_MS for fate in sample.fates)


def test_a_closed_loop_of_one_meets_a_freeze_once_and_an_open_loop_whoever_would_have_come() -> None:
    stack = Stack("one", (Balancer("lb", "nginx", 80, "nginx.conf"),), (Server("app1", page_ms=5.0, queue=1000),))
    crowd = population("many")
    with open_stack(stack) as running:
        assert running.apply({"nginx.conf": nginx("server app1:8080;").encode()}).ok
        thaw = frozen(running, 2.0)
        closed = send(running, crowd, crowd.browse(100, seed=1), concurrency=1, timeout=30)
        thaw.join()
        thaw = frozen(running, 2.0)
        opened = send(running, crowd, crowd.browse(150, seed=1), rate=50.0, timeout=30)
        thaw.join()
    # The freeze is as long as this machine makes it, and never shorter. Of those due in it, all but the last half
    # second's wait for more than half a second.
    assert 1 <= slow(closed) <= 5
    assert slow(opened) >= 50 * (2.0 - SLOW_MS / 1000) - 2
    assert "| **1** | **8 ms** |" in words_of(MODULE / "index.md")
    assert "| **75** | **1.9 s** |" in words_of(MODULE / "index.md")


def crowd_at(rate: float, workers: int = 12, service: float = 0.08, requests: int = 60_000) -> tuple[float, float]:
    """Half, and all but one of a hundred, are answered within so many milliseconds, when people come by chance."""
    chance = random.Random(1)
    now, free, taken = 0.0, [0.0] * workers, []
    for _ in range(requests):
        now += chance.expovariate(rate)
        begins = max(now, heapq.heappop(free))
        heapq.heappush(free, begins + service)
        taken.append(begins + service - now)
    told = sorted(taken[requests // 10 :])
    return 1000 * told[len(told) // 2], 1000 * told[int(0.99 * len(told))]


def test_the_table_of_the_knee() -> None:
    rows = re.findall(
        r"\| (\d+)(?: a second)? \| \1 \| (?:about )?(\d+) ms \| (?:about )?(\d+) ms", words_of(MODULE / "knee.md")
    )
    assert [row[0] for row in rows] == ["60", "120", "135", "145"]
    for rate, half, most in rows:
        assert crowd_at(float(rate)) == pytest.approx((float(half), float(most)), rel=0.07)
    slower, later = (crowd_at(160.0, requests=count)[0] for count in (2_000, 8_000))
    assert later > 2 * slower, "beyond the knee it has no answer: the queue only grows"


def test_the_universal_scalability_law() -> None:
    contention, coherency = 0.03, 0.001

    def times(machines: int) -> float:
        return machines / (1 + contention * (machines - 1) + coherency * machines * (machines - 1))

    rows = re.findall(r"\| (\d+) \| (\d+\.\d) \|", words_of(MODULE / "knee.md"))
    assert len(rows) == 6
    for machines, told in rows:
        assert round(times(int(machines)), 1) == float(told)
    assert max(range(1, 200), key=times) == round(math.sqrt((1 - contention) / coherency)) == 31
    assert round(100 * (1 - 0.99**100)) == 63


def test_how_often_a_gate_of_pairs_is_wrong() -> None:
    def loses(pairs: int, at_least: int, chance: float) -> float:
        return sum(
            math.comb(pairs, count) * chance**count * (1 - chance) ** (pairs - count)
            for count in range(at_least, pairs + 1)
        )

    text = words_of(MODULE / "gate.md")
    rows = re.findall(r"\| (\d+) \| (\d+) \| ([\d.]+) % \|", text)
    assert len(rows) == 3
    for pairs, limit, wrongly in rows:
        assert round(100 * loses(int(pairs), int(limit), 0.5), 1) == float(wrongly)
    assert round(100 * loses(20, 16, 0.8)) == 63
    assert round(100 * loses(10, 9, 0.8)) == 38
    assert "**63 of 100** runs. Ten pairs with theirs catch it in 38" in text
    assert loses(20, 11, 0.5) == pytest.approx(2 / 5, abs=0.02)
