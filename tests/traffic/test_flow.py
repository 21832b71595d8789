"""Traffic that does not end: every request of every slice is told of, at any rate, and sleep is not made up for."""

from __future__ import annotations

import queue
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from autograder.traffic import flow
from autograder.traffic.clients import population
from autograder.traffic.flow import Flow
from autograder.traffic.sample import Sample
from tests.stack.conftest import config

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.running import RunningStack

Heard = queue.Queue[tuple[float, Sample | Exception]]


@pytest.fixture
def running(opened: Callable[..., RunningStack]) -> RunningStack:
    stack = opened("nginx", "local")
    assert stack.apply(config("nginx")).ok
    return stack


def take(heard: Heard, count: int) -> list[tuple[float, Sample]]:
    """The next slices, in the order of their starts."""
    found = []
    for start, sample in (heard.get(timeout=300) for _ in range(count)):
        assert isinstance(sample, Sample), sample
        found.append((start, sample))
    return sorted(found, key=lambda one: one[0])


def next_with_requests(heard: Heard) -> int:
    """How many requests the next slice has that has any."""
    while not (found := take(heard, 1)[0][1].requests):
        pass
    return found


def test_short_slices_miss_no_request_and_leave_no_gap(running: RunningStack) -> None:
    heard: Heard = queue.Queue()
    with Flow(running, population("many"), 33.0, slice_s=0.2, timeout=30.0, hear=lambda *told: heard.put(told)):
        slices = take(heard, 10)
    # 6.6 requests a slice: in ten slices 66, one every thirty-third of a second across all their borders.
    assert sum(sample.requests for _, sample in slices) == 66
    first = slices[0][0]
    due = 0
    for start, sample in slices:
        assert start == pytest.approx(first + due / 33.0, abs=1e-6)
        due += sample.requests


def test_a_rate_of_nothing_sends_nothing_and_another_is_heeded_at_once(running: RunningStack) -> None:
    heard: Heard = queue.Queue()
    with Flow(running, population("many"), 0.0, slice_s=0.1, timeout=30.0, hear=lambda *told: heard.put(told)) as one:
        assert [sample.requests for _, sample in take(heard, 3)] == [0, 0, 0]
        one.rate = 0.01  # one now, and the next in a hundred seconds
        assert next_with_requests(heard) == 1
        one.rate = 50.0
        assert next_with_requests(heard) == 5


def test_samples_come_in_order_where_nobody_hears(running: RunningStack) -> None:
    with Flow(running, population("many"), 20.0, slice_s=0.1, timeout=30.0) as one:
        samples = [sample for sample, _ in zip(one, range(5), strict=False)]
        one.stop()
        assert list(one) is not None
    assert [sample.requests for sample in samples] == [2] * 5


def test_who_was_asleep_does_not_send_what_was_due_meanwhile(
    running: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = 0.0
    heard: Heard = queue.Queue()
    monkeypatch.setattr(flow, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + slept))
    empty = Sample("many", "many", (), 0.0)
    monkeypatch.setattr(flow, "send", lambda *_, **__: empty)
    with Flow(running, population("many"), 1.0, slice_s=0.1, hear=lambda *told: heard.put(told)):
        take(heard, 3)
        slept = 3600.0
        before = heard.qsize() + flow.ASLEEP
        starts = [start for start, _ in take(heard, 25)]
    # Without that there would be 36,000 slices before the first of now.
    assert sum(1 for start in starts if start < time.monotonic() + slept - 60) <= before
    assert starts[-1] > time.monotonic() + slept - 120


def test_a_slice_that_is_left_out_is_known_to_be(running: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    heard: Heard = queue.Queue()

    def waits(*_: object, **__: object) -> Sample:
        answered.wait(120)
        return Sample("many", "many", (), 0.0)

    monkeypatch.setattr(flow, "send", waits)
    with Flow(running, population("many"), 100.0, slice_s=0.1, timeout=0.1, hear=lambda *told: heard.put(told)) as one:
        ((_, sample),) = take(heard, 1)  # those that are under way tell nothing yet
        assert (sample.requests, one.behind) == (0, True)
        answered.set()
