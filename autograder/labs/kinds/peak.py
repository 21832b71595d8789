"""So many people at once that only the whole pool can hold them: does anything crash?"""

from __future__ import annotations

from autograder.judge.spread import Spread
from autograder.labs.explain import causes_of
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import KNOCK, failures_in_words, listed, unserved
from autograder.labs.kinds.spread import judged
from autograder.traffic.clients import population
from autograder.traffic.send import send

TRIES = 5
"""How often a peak is tried before "it crashes" is the answer."""


def peak(question: Question) -> Answer:
    """So many people at once that only the whole pool can hold them: does anything crash?

    The load is a closed loop of ``concurrency`` people, not a rate: how full each server gets follows from its share
    and its size alone, however fast the machine is that runs the lab. A stall of that machine can only fill a queue,
    never empty one; so one survival in :data:`TRIES` proves the config, and a config that spreads badly is not
    tried again.
    """
    crowd = population(question.populations[0])
    knock = send(question.running, crowd, crowd.check_out(KNOCK, seed=question.seed), concurrency=KNOCK)
    if unserved(knock) > KNOCK / 2:
        words = f"Before the peak, with {KNOCK} people: {failures_in_words(knock)}"
        causes = causes_of("crashed", question.findings)
        return Answer(False, words, knock.shares(), knock.requests, unserved(knock), causes)
    answer = _peak_once(question, question.seed)
    for attempt in range(1, TRIES):
        if answer.passed:
            break
        question.make_whole()
        if _plainly_uneven(question):
            break
        answer = _peak_once(question, question.seed + attempt)
    return answer


def _plainly_uneven(question: Question) -> bool:
    """Whether a short look at quiet traffic shows a concentration: then nobody needs to ask why it crashed."""
    clients = question.populations[0]
    crowd = population(clients)
    look = send(question.running, crowd, crowd.browse(int(question.check.requests / 4), seed=question.seed))
    return judged(question, clients, [look]).spread is Spread.CONCENTRATED


def _peak_once(question: Question, seed: int) -> Answer:
    crowd = population(question.populations[0])
    requests = crowd.check_out(question.check.requests, seed=seed)
    sample = send(question.running, crowd, requests, concurrency=question.check.concurrency, timeout=10.0)
    crashed = [name for name, state in question.running.servers().items() if not state.up]
    cheap = sum(1 for fate in sample.fates if fate.server and not fate.checkout)
    good = not crashed and not unserved(sample) and not cheap
    fate = f"{listed(crashed)} ran out of memory and died." if crashed else "Nothing crashed."
    words = f"{question.check.concurrency} people at once. {fate} {failures_in_words(sample)}"
    if cheap:
        words += f" {cheap} people who wanted to check out were given another page."
    causes = () if good else causes_of("crashed", question.findings)
    return Answer(good, words, sample.shares(), sample.requests, unserved(sample), causes)


KIND = Kind(peak, version=2)
