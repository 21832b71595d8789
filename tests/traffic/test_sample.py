"""Samples: latencies as histograms, failures by whom, and sums that always agree."""

from __future__ import annotations

import random

import pytest
from hdrh.histogram import HdrHistogram

from autograder.traffic.sample import FAILURES, Fate, Sample, merged


def sample_of(*fates: Fate) -> Sample:
    return Sample("many", "made up", fates, 1.0)


def took(milliseconds: float, status: int = 200, failure: str = "", server: str = "app1") -> Fate:
    return Fate(0, "198.19.1.17", status, failure, milliseconds, server)


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_the_exact_ones_to_three_digits(seed: int) -> None:
    dice = random.Random(seed)
    known = sorted(dice.lognormvariate(2, 1.5) for _ in range(2000))
    sample = sample_of(*(took(milliseconds) for milliseconds in dice.sample(known, len(known))))
    for part in (0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0):
        exact = known[max(0, -(-int(part * 1000) * len(known) // 1000) - 1)]
        assert sample.percentile_ms(part) == pytest.approx(exact, rel=2e-3, abs=1e-3)


def test_requests_without_an_answer_have_no_latency() -> None:
    assert sample_of(took(5000, 0, "timeout", "")).percentile_ms(0.5) == 0.0
    assert sample_of(took(5000, 0, "timeout", ""), took(10)).latencies.total_count == 1


def test_histograms_merge_and_travel() -> None:
    one, other = sample_of(took(1), took(2)), sample_of(took(3000))
    both = merged([one, other])
    travelled = HdrHistogram.decode(one.latencies.encode())
    travelled.add(other.latencies)
    assert travelled.total_count == both.latencies.total_count == 3
    assert travelled.get_value_at_percentile(100) == both.latencies.get_value_at_percentile(100)
    assert both.percentile_ms(1.0) == pytest.approx(3000, rel=1e-3)


def test_every_kind_of_failure_is_somebodys() -> None:
    sample = sample_of(took(1), *(took(1, 0, failure, "") for failure in FAILURES))
    assert sum(sample.by_whom().values()) == sample.failed == len(FAILURES)
    assert sample.by_whom() == {"server": 1, "balancer": 2, "nobody": 4}


def test_a_servers_own_error_is_a_failure_and_counts_for_the_server() -> None:
    sample = sample_of(took(1), took(1, 500, "5xx-server"), took(1, 502, "5xx-balancer", ""), took(1, 404, "", ""))
    assert sample.counts() == {"app1": 2}
    assert sample.failures == {"5xx-server": 1, "5xx-balancer": 1}
    assert sample.statuses == {200: 1, 500: 1, 502: 1, 404: 1}
