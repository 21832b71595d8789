"""A server hangs with orders in its hands, fails, or hangs up: is any order carried out twice?"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from autograder.labs.explain import causes_of
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import unserved
from autograder.labs.kinds.victim import before, victim_of
from autograder.stack.conduct import Conduct
from autograder.stack.model import CLIENTS
from autograder.traffic import done
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.running import RunningStack
    from autograder.traffic.sample import Sample

_MARKS = f"{done.__name__}:{done.marks.__name__}"
_CHECKOUTS = f"{done.__name__}:{done.checkouts.__name__}"
_AFTERWARDS = (
    (Conduct(failing=True), "answered orders with an error", "An error does not say that nothing was done"),
    (
        Conduct(hangs_up=True),
        "carried out orders and hung up instead of answering",
        "A connection that broke does not say that nothing was done",
    ),
)
"""How a server fails after it was given an order: what it does, in words, and what the balancer cannot know."""
_PAUSE_S = 0.2
_AT_MOST_S = 30.0


def done_once(question: Question) -> Answer:
    """Orders are sent with ``POST`` while a server hangs, which then goes on and does what it has: any order twice?

    A server that hangs has the order and cannot say so. Sent again elsewhere, it is carried out there, and a second
    time when the first server wakes up. Counted are orders that the servers' journals have more than once: nobody's
    speed decides that. Those who get an error lose nothing here, as long as at least half are served.

    Then, on a stack that is whole again, the server fails in each of the ways of :data:`_AFTERWARDS`. Both may come
    after the work as well as before it, and the balancer cannot know: no order may be in a second server's journal.
    """
    well, answer = before(question)
    if answer is not None:
        return answer
    victim = victim_of(question, well)
    sample, twice = _while_it_hangs(question, victim)
    words = f"{victim} hung for a while with orders in its hands. "
    if twice:
        words += f"{twice} of {sample.requests} orders were carried out more than once."
        why = "Some line lets the balancer send an order again that a server already has."
        return _sent_again(question, sample, words, why)
    words += "No order was carried out twice."
    served = sample.requests - unserved(sample)
    if served < sample.requests / 2:
        words += f" But only {served} of {sample.requests} were carried out while it hung."
        causes = causes_of("errors", question.findings)
        takes = max(server.service_ms for server in question.running.stack.servers) / 1000
        why = f"An order takes {takes:g} s when all is well. Which limit is shorter, or which rule turns orders away?"
        return Answer(False, words, sample.shares(), sample.requests, unserved(sample), causes, "" if causes else why)
    seen = sample.requests
    for number, (conduct, did, why) in enumerate(_AFTERWARDS, 1):
        question.make_whole()
        failing, twice = _while_it_is(question, victim, conduct, question.seed + number)
        seen += failing.requests
        if twice:
            words += f" Then it {did}. {twice} of {failing.requests} reached another, too."
            return _sent_again(question, failing, words, f"{why}, and some line lets it be sent again.")
    return Answer(True, words, sample.shares(), seen, unserved(sample))


def _while_it_hangs(question: Question, victim: str) -> tuple[Sample, int]:
    """What became of orders while ``victim`` hung, and how many were carried out more than once in the end."""
    running = question.running
    marks = running.machines.call(CLIENTS, _MARKS, None)
    running.pause(victim)
    try:
        sample = _order(question, question.seed)
    finally:
        running.resume(victim)
    return sample, again(_settled(running, marks))


def _while_it_is(question: Question, victim: str, conduct: Conduct, seed: int) -> tuple[Sample, int]:
    """What became of orders while ``victim`` behaved so, and how many a second server has as well."""
    running = question.running
    marks = running.machines.call(CLIENTS, _MARKS, None)
    running.afflict(victim, conduct)
    try:
        sample = _order(question, seed)
    finally:
        running.heal(victim)
    # Whoever was given an order is done with it.
    return sample, again(running.machines.call(CLIENTS, _CHECKOUTS, marks)["times"])


def _order(question: Question, seed: int) -> Sample:
    """Orders, all at once."""
    crowd = population(question.populations[0])
    orders = [replace(one, posts=True) for one in crowd.check_out(question.check.requests, seed=seed)]
    patience = float(question.check.settings["patience"])
    return send(question.running, crowd, orders, concurrency=len(orders), timeout=patience)


def _sent_again(question: Question, sample: Sample, words: str, why: str) -> Answer:
    """The answer where an order was sent a second time."""
    causes = tuple(f for f in causes_of("errors", question.findings) if f.mistake in _ABOUT_RETRIES)
    return Answer(False, words, sample.shares(), sample.requests, unserved(sample), causes, "" if causes else why)


_ABOUT_RETRIES = ("retries-the-same-server",)


def again(times: Mapping[str, int]) -> int:
    """Orders carried out more than once, of ``times``: how often → how many."""
    return sum(count for often, count in times.items() if int(often) > 1)


def _settled(running: RunningStack, marks: Mapping[str, int]) -> Mapping[str, int]:
    """How often orders were carried out, once the journals have not grown for as long as two orders take."""
    quiet = max(1.0, 2 * max(server.service_ms for server in running.stack.servers) / 1000)
    lines, grown, deadline = -1, 0.0, time.monotonic() + _AT_MOST_S
    while True:
        seen = running.machines.call(CLIENTS, _CHECKOUTS, marks)
        now = time.monotonic()
        if seen["lines"] != lines:
            lines, grown = seen["lines"], now
        if now - grown > quiet or now > deadline:
            times: Mapping[str, int] = seen["times"]
            return times
        time.sleep(_PAUSE_S)


KIND = Kind(done_once, version=3, settings={"patience": 12.0})
