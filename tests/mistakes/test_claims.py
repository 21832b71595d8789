"""Every claim of the catalogue is true: each example runs on the real balancer, and its traffic is counted."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from autograder.bench.claims import REQUESTS, Prover, allowed, folder
from autograder.mistakes.catalogue import mistakes
from autograder.mistakes.mistake import ANY_ONE, CLIENTS, Example, LookAlike, Mistake
from autograder.stack.model import PROXIES
from autograder.traffic.clients import population

if TYPE_CHECKING:
    from collections.abc import Iterator

CLAIMS = [
    pytest.param(case, clients, id=f"{mistake.slug}-{case.name}-{clients}")
    for mistake in mistakes()
    for case in (*mistake.examples, *mistake.look_alikes)
    for clients in case.share
]
_TRIES = 8


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover() as opened:
        yield opened


@pytest.mark.parametrize(("case", "clients"), CLAIMS)
def test_a_claimed_share_is_what_traffic_shows(prover: Prover, case: Example | LookAlike, clients: str) -> None:
    # Timers are late on a busy machine, and a check that nothing waits for may fall due at any moment of the run. A
    # claim that is false is false each time.
    for _ in range(_TRIES - 1 if case.state != "all-up" else 0):
        with contextlib.suppress(AssertionError):
            prove(prover, case, clients)
            return
    prove(prover, case, clients)


def prove(prover: Prover, case: Example | LookAlike, clients: str) -> None:
    """Send traffic and compare what was counted with what is claimed."""
    sample = prover.sample(case, clients)
    got = {server: count / REQUESTS for server, count in sample.counts().items()}
    for server, part in case.share[clients].items():
        share = max(got.values(), default=0.0) if server == ANY_ONE else got.get(server, 0.0)
        assert share == pytest.approx(part, abs=allowed(case, clients, part)), f"{server} of {got}"
    failed = case.failed if isinstance(case, Example) else 0.0
    if failed:
        assert sample.failed > 0
        off = 2 * case.concurrency / REQUESTS + case.within
        assert sample.failed / REQUESTS == pytest.approx(failed, abs=off), sample.failures
    else:
        assert sample.failed == 0, sample.failures


@pytest.mark.parametrize("mistake", mistakes(), ids=lambda m: m.slug)
def test_the_balancer_accepts_every_config_of_an_entry(prover: Prover, mistake: Mistake) -> None:
    running = prover.stack(mistake.proxy)
    assert running.check({running.stack.balancer.config: mistake.instead.encode()}) == (), mistake.instead
    for case in (*mistake.examples, *mistake.look_alikes):
        running = prover.stack(case.proxy)
        assert running.check(folder(running, case)) == (), case.config


def test_every_population_of_the_catalogue_can_be_sent() -> None:
    for name in CLIENTS:
        assert population(name).clients


def test_a_case_for_each_balancer_that_has_a_reader_can_be_run() -> None:
    assert {proxy for mistake in mistakes() for proxy in mistake.proxies} <= set(PROXIES)


def test_the_proof_would_notice_a_false_claim(prover: Prover) -> None:
    skewed = next(m for m in mistakes() if m.slug == "weight-skew").examples[0]
    claim = Example("false", skewed.config, "", {"many": {"app1": 1 / 3}})
    with pytest.raises(AssertionError, match="app1 of"):
        test_a_claimed_share_is_what_traffic_shows(prover, claim, "many")
