"""Every claim of the catalogue is true: each example runs on the real balancer, and its traffic is counted."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
from typing import TYPE_CHECKING

import pytest

from autograder.mistakes.catalogue import mistakes
from autograder.mistakes.mistake import ANY_ONE, CLIENTS, Example, LookAlike, Mistake
from autograder.stack.model import PROXIES, Balancer, Server, Stack
from autograder.stack.running import RunningStack, open_stack
from autograder.traffic.clients import population
from autograder.traffic.sample import Sample
from autograder.traffic.send import Cookies, send
from autograder.traffic.states import in_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autograder.traffic.clients import Population, Request

    Stacks = Callable[[str], RunningStack]

REQUESTS = 400
CLAIMS = [
    pytest.param(case, clients, id=f"{mistake.slug}-{case.name}-{clients}")
    for mistake in mistakes()
    for case in (*mistake.examples, *mistake.look_alikes)
    for clients in case.share
]
SERVERS = tuple(Server(f"app{n}", workers=8, service_ms=10.0, page_ms=2.0) for n in range(1, 5))
_NO_CHANCE = {
    "nginx": re.compile(r"^(?!.*(hash|random|split_clients|sticky))", re.DOTALL),
    "haproxy": re.compile(r"^(?!.*(balance (?!roundrobin|static-rr|leastconn|first)|stick|cookie))", re.DOTALL),
}
"""Configs that leave nothing to chance but where the balancer begins."""
_TRIES = 3
_EACH_REQUEST = re.compile(r"\$request_id|\brandom\b|%\[rand|\buuid\b")


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    """A running stack for each balancer, started when it is asked for."""
    with contextlib.ExitStack() as stack:
        started: dict[str, RunningStack] = {}

        def of(proxy: str) -> RunningStack:
            if proxy not in started:
                plan = Stack(f"claims-{proxy}", (Balancer("balancer", proxy),), SERVERS)
                started[proxy] = stack.enter_context(open_stack(plan))
            return started[proxy]

        yield of


def crowd(case: Example | LookAlike, clients: str) -> Population:
    people = population(clients)
    return dataclasses.replace(people, clients=people.clients[: case.crowd or None])


def asked(case: Example | LookAlike, people: Population) -> tuple[Request, ...]:
    if case.pages == "checkout":
        return people.check_out(REQUESTS)
    if case.pages.startswith("/"):
        return dataclasses.replace(people, stream=case.pages).browse(REQUESTS)
    return people.browse(REQUESTS)


def folder(running: RunningStack, case: Example | LookAlike) -> dict[str, bytes]:
    files = {path: text.encode() for path, text in case.files.items()}
    return {running.stack.balancer.config: case.config.encode(), **files}


def measured(stacks: Stacks, case: Example | LookAlike, clients: str) -> Sample:
    running = stacks(case.proxy)
    applied = running.apply(folder(running, case))
    assert applied.ok, applied.faults
    people, cookies = crowd(case, clients), Cookies()
    requests = asked(case, people)
    if case.acquainted:
        send(running, people, requests, concurrency=case.concurrency, host=case.host, cookies=cookies)
    with in_state(running, case.state, case.victim):
        return send(running, people, requests, concurrency=case.concurrency, host=case.host, cookies=cookies)


def tolerance(case: Example | LookAlike, clients: str, part: float) -> float:
    """How far chance moves a share that is claimed to be ``part``: 4.5 standard deviations, once in 150,000 claims.

    Round robin leaves nothing to chance but where it begins; a hash deals clients out, or requests if each is a key.
    """
    edge = 2 * case.concurrency / REQUESTS + case.within
    if _NO_CHANCE[case.proxy].match(case.config):
        return edge
    per_request = _EACH_REQUEST.search(case.config) or case.pages == "checkout"
    units = REQUESTS if per_request else len(crowd(case, clients).clients)
    return edge + 4.5 * math.sqrt(part * (1 - part) / units)


@pytest.mark.parametrize(("case", "clients"), CLAIMS)
def test_a_claimed_share_is_what_traffic_shows(stacks: Stacks, case: Example | LookAlike, clients: str) -> None:
    # Timers are late on a busy machine, and a check that nothing waits for may fall due at any moment of the run. A
    # claim that is false is false each time.
    for _ in range(_TRIES - 1 if case.state != "all-up" else 0):
        with contextlib.suppress(AssertionError):
            prove(stacks, case, clients)
            return
    prove(stacks, case, clients)


def prove(stacks: Stacks, case: Example | LookAlike, clients: str) -> None:
    """Send traffic and compare what was counted with what is claimed."""
    sample = measured(stacks, case, clients)
    got = {server: count / REQUESTS for server, count in sample.counts().items()}
    for server, part in case.share[clients].items():
        share = max(got.values(), default=0.0) if server == ANY_ONE else got.get(server, 0.0)
        assert share == pytest.approx(part, abs=tolerance(case, clients, part)), f"{server} of {got}"
    failed = case.failed if isinstance(case, Example) else 0.0
    if failed:
        assert sample.failed > 0
        off = 2 * case.concurrency / REQUESTS + case.within
        assert sample.failed / REQUESTS == pytest.approx(failed, abs=off), sample.failures
    else:
        assert sample.failed == 0, sample.failures


@pytest.mark.parametrize("mistake", mistakes(), ids=lambda m: m.slug)
def test_the_balancer_accepts_every_config_of_an_entry(stacks: Stacks, mistake: Mistake) -> None:
    running = stacks(mistake.proxy)
    assert running.check({running.stack.balancer.config: mistake.instead.encode()}) == (), mistake.instead
    for case in (*mistake.examples, *mistake.look_alikes):
        running = stacks(case.proxy)
        assert running.check(folder(running, case)) == (), case.config


def test_every_population_of_the_catalogue_can_be_sent() -> None:
    for name in CLIENTS:
        assert population(name).clients


def test_a_case_for_each_balancer_that_has_a_reader_can_be_run() -> None:
    assert {proxy for mistake in mistakes() for proxy in mistake.proxies} <= set(PROXIES)


def test_the_proof_would_notice_a_false_claim(stacks: Stacks) -> None:
    skewed = next(m for m in mistakes() if m.slug == "weight-skew").examples[0]
    claim = Example("false", skewed.config, "", {"many": {"app1": 1 / 3}})
    with pytest.raises(AssertionError, match="app1 of"):
        test_a_claimed_share_is_what_traffic_shows(stacks, claim, "many")
