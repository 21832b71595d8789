"""A server died, the balancer saw it, and the server is well again: does it get traffic?"""

from __future__ import annotations

import time

from autograder.labs.explain import causes_of
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import failures_in_words, unserved
from autograder.labs.kinds.victim import before, victim_of
from autograder.traffic.clients import population
from autograder.traffic.send import send
from autograder.traffic.states import in_state

LEAST_LOOKS = 3
_PAUSE_S = 0.5
_ENOUGH = 0.5
"""Of its fair share: methods that look at load, and servers that warm up, come near the whole later."""


def back_again(question: Question) -> Answer:
    """A server dies, is seen to be dead, and is started again: does it get half its fair share before long?

    The balancer has as long as it needs to see either, up to some seconds; then batches of requests are sent until the
    server got its part of one. The answer is no after ``within`` seconds and :data:`LEAST_LOOKS` batches, so a busy
    machine only makes it wait.
    """
    well, answer = before(question)
    if answer is not None:
        return answer
    victim = victim_of(question, well)
    crowd = population(question.populations[0])
    fair = question.running.stack.fair_shares().get(victim, 0.0)
    looks = sent = 0
    with in_state(question.running, "recovering", victim):
        deadline = time.monotonic() + float(question.check.settings["within"])
        while True:
            requests = crowd.browse(question.check.requests, seed=question.seed + looks)
            sample = send(question.running, crowd, requests, concurrency=question.check.concurrency)
            shares = sample.shares()
            sent, looks = sent + sample.requests, looks + 1
            good = shares.get(victim, 0.0) >= _ENOUGH * fair and not unserved(sample)
            if good or (looks >= LEAST_LOOKS and time.monotonic() > deadline):
                break
            time.sleep(_PAUSE_S)
    words = f"{victim} died and was started again. "
    if good:
        return Answer(True, f"{words}It gets {shares[victim]:.0%} of the requests again.", shares, sent)
    words += f"It gets {shares.get(victim, 0.0):.0%} of the requests; its fair share is {fair:.0%}."
    if unserved(sample):
        words += f" {failures_in_words(sample)}"
    return Answer(False, words, shares, sent, unserved(sample), causes_of("silent", question.findings))


KIND = Kind(back_again, settings={"within": 8.0})
