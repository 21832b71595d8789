"""Whoever looks at each request cannot tell the grader from the learner's own checks: nothing differs but chance."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import pytest

from autograder.labs.catalogue import load_lab
from autograder.labs.kinds import LOADS, kind_named
from autograder.labs.kinds.kind import Question
from autograder.stack.running import RunningStack, open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.grading.course import LAB

_LAB = load_lab(LAB)
_SEEN = "/var/log/nginx/seen"
_CONFIG = _LAB.read(_LAB.reference)["conf/nginx.conf"].decode()
_WATCHING = f"error_log {_SEEN} debug;\n{_CONFIG}".replace("worker_processes auto;", "worker_processes 1;")
_REQUESTS = 60
"""For each question; a browser's name, a page and a population show themselves in far fewer."""


@pytest.fixture
def running() -> Iterator[RunningStack]:
    with open_stack(_LAB.stack) as stack:
        assert stack.apply({"nginx.conf": _WATCHING.encode()}).ok
        yield stack


def ask(running: RunningStack, seed: int, *, hidden: bool) -> None:
    """Every check of the lab, as the learner has it or as the grader has it, with less traffic."""

    def make_whole() -> None:
        running.bring_back()
        running.apply({"nginx.conf": _WATCHING.encode()})

    for check in _LAB.checks:
        if check.kind != LOADS:
            few = dataclasses.replace(check, requests=_REQUESTS, concurrency=min(check.concurrency, _REQUESTS))
            clients = check.clients + (check.hidden if hidden else ())
            kind_named(check.kind).answer(Question(few, running, (), clients, "app2", seed, make_whole))
            make_whole()


def shapes(running: RunningStack) -> set[str]:
    """What nginx saw of requests since the last look: header lines and request lines, without what chance decides."""
    look = f"grep -hoE 'http (header|request line): .*' {_SEEN} | sort -u"
    told = running.machines.run("lb", ("/bin/sh", "-c", f"{look}; : > {_SEEN}")).out
    assert told
    lines = re.sub(r"[0-9a-f]{12}-\d+", "NONCE", told)
    lines = re.sub(r"shop_session=[^\"\s]+", "shop_session=VALUE", lines)
    return set(re.sub(r"(order=|/item/)\d+", r"\1NUMBER", lines).splitlines())


def test_a_balancer_cannot_tell_the_grader_from_the_learner(running: RunningStack) -> None:
    ask(running, 0, hidden=False)
    for name in dict.fromkeys(name for check in _LAB.checks for name in check.clients + check.hidden):
        crowd = population(name)  # what a learner may send, too
        send(running, crowd, crowd.browse(_REQUESTS))
        send(running, crowd, crowd.browse(_REQUESTS, seed=1))
    learners = shapes(running)
    ask(running, 987_654_321, hidden=True)
    graders = shapes(running)

    assert len(graders) > 8
    assert graders <= learners, graders - learners
    assert any("NONCE" in line for line in graders)


def test_a_seed_changes_the_order_of_clients_and_nothing_else() -> None:
    for check in _LAB.checks:
        for name in check.clients + check.hidden:
            crowd = population(name)
            everybody = set(range(len(crowd.clients)))
            for seed in (0, 987_654_321):
                assert {request.client for request in crowd.browse(2 * len(everybody), seed=seed)} == everybody
