"""Every claim of the catalogue is true: each example runs on the real nginx, and its traffic is counted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from autograder.mistakes.catalogue import mistakes
from autograder.mistakes.mistake import ANY_ONE, CLIENTS, Example, LookAlike, Mistake
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import RunningStack, open_stack
from autograder.traffic.clients import population
from autograder.traffic.sample import Sample
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS = 400
CONCURRENCY = 4
CLAIMS = [
    pytest.param(case, clients, id=f"{mistake.slug}-{case.name}-{clients}")
    for mistake in mistakes()
    for case in (*mistake.examples, *mistake.look_alikes)
    for clients in case.share
]
STACK = Stack(
    "claims",
    (Balancer("balancer", "nginx"),),
    tuple(Server(f"app{n}", workers=8, service_ms=1.0) for n in range(1, 5)),
)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningStack]:
    with open_stack(STACK) as stack:
        yield stack


def measured(running: RunningStack, case: Example | LookAlike, clients: str) -> Sample:
    applied = running.apply({"nginx.conf": case.config.encode()})
    assert applied.ok, applied.faults
    people = population(clients)
    if case.state == "one-down":
        running.kill("app2")
    try:
        requests = people.check_out(REQUESTS) if case.pages == "checkout" else people.browse(REQUESTS)
        return send(running, people, requests, concurrency=CONCURRENCY)
    finally:
        running.bring_back()


def tolerance(case: Example | LookAlike, clients: str, part: float) -> float:
    """How far chance moves a share that is claimed to be ``part``: 4.5 standard deviations, once in 150,000 claims.

    Round robin leaves nothing to chance but where it begins; a hash deals clients out, or requests if each is a key.
    """
    edge = 2 * CONCURRENCY / REQUESTS
    if "hash" not in case.config:
        return edge
    per_request = "$request_id" in case.config or case.pages == "checkout"
    units = REQUESTS if per_request else len(population(clients).clients)
    return edge + 4.5 * math.sqrt(part * (1 - part) / units)


@pytest.mark.parametrize(("case", "clients"), CLAIMS)
def test_a_claimed_share_is_what_traffic_shows(running: RunningStack, case: Example | LookAlike, clients: str) -> None:
    sample = measured(running, case, clients)
    got = {server: count / REQUESTS for server, count in sample.counts().items()}
    for server, part in case.share[clients].items():
        share = max(got.values(), default=0.0) if server == ANY_ONE else got.get(server, 0.0)
        assert share == pytest.approx(part, abs=tolerance(case, clients, part)), f"{server} of {got}"
    failed = case.failed if isinstance(case, Example) else 0.0
    if failed:
        assert sample.failed > 0
        assert sample.failed / REQUESTS == pytest.approx(failed, abs=2 * CONCURRENCY / REQUESTS), sample.failures
    else:
        assert sample.failed == 0, sample.failures


@pytest.mark.parametrize("mistake", mistakes(), ids=lambda m: m.slug)
def test_nginx_accepts_every_config_of_an_entry(running: RunningStack, mistake: Mistake) -> None:
    configs = [mistake.instead, *(case.config for case in (*mistake.examples, *mistake.look_alikes))]
    assert [running.check({"nginx.conf": config.encode()}) for config in configs] == [()] * len(configs)


def test_every_population_of_the_catalogue_can_be_sent() -> None:
    for name in CLIENTS:
        assert population(name).clients


def test_the_proof_would_notice_a_false_claim(running: RunningStack) -> None:
    skewed = next(m for m in mistakes() if m.slug == "weight-skew").examples[0]
    claim = Example("false", skewed.config, "", {"many": {"app1": 1 / 3}})
    with pytest.raises(AssertionError, match="app1 of"):
        test_a_claimed_share_is_what_traffic_shows(running, claim, "many")
