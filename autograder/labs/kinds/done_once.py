"""A server hangs with orders in its hands, and comes back: is any order carried out twice?"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from autograder.labs.explain import causes_of
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import unserved
from autograder.labs.kinds.victim import before, victim_of
from autograder.stack.model import CLIENTS
from autograder.traffic import done
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.running import RunningStack

_MARKS = f"{done.__name__}:{done.marks.__name__}"
_CHECKOUTS = f"{done.__name__}:{done.checkouts.__name__}"
_PAUSE_S = 0.2
_AT_MOST_S = 30.0


def done_once(question: Question) -> Answer:
    """Orders are sent with ``POST`` while a server hangs, which then goes on and does what it has: any order twice?

    A server that hangs has the order and cannot say so. Sent again elsewhere, it is carried out there, and a second
    time when the first server wakes up. Counted are orders that the servers' journals have more than once: nobody's
    speed decides that. Those who get an error lose nothing here, as long as at least half are served.
    """
    well, answer = before(question)
    if answer is not None:
        return answer
    running = question.running
    victim = victim_of(question, well)
    crowd = population(question.populations[0])
    orders = [replace(one, posts=True) for one in crowd.check_out(question.check.requests, seed=question.seed)]
    marks = running.machines.call(CLIENTS, _MARKS, None)
    running.pause(victim)
    try:
        patience = float(question.check.settings["patience"])
        sample = send(running, crowd, orders, concurrency=len(orders), timeout=patience)
    finally:
        running.resume(victim)
    times = _settled(running, marks)
    twice = again(times)
    words = f"{victim} hung for a while with orders in its hands. "
    if twice:
        words += f"{twice} of {len(orders)} orders were carried out more than once."
        why = "Some line lets the balancer send an order again that a server already has."
        causes = tuple(f for f in causes_of("errors", question.findings) if f.mistake in _ABOUT_RETRIES)
        return Answer(False, words, sample.shares(), sample.requests, unserved(sample), causes, "" if causes else why)
    words += "No order was carried out twice."
    served = len(orders) - unserved(sample)
    if served < len(orders) / 2:
        words += f" But only {served} of {len(orders)} were carried out while it hung."
        causes = causes_of("errors", question.findings)
        return Answer(False, words, sample.shares(), sample.requests, unserved(sample), causes)
    return Answer(True, words, sample.shares(), sample.requests, unserved(sample))


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


KIND = Kind(done_once, settings={"patience": 12.0})
