"""Far more people came at once than can be served, and have left: does everything work again by itself?"""

from __future__ import annotations

import time

from autograder.labs.explain import causes_of
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import listed, unserved
from autograder.labs.kinds.surge import crashed_of, send_wave
from autograder.labs.kinds.victim import before
from autograder.traffic.clients import population
from autograder.traffic.send import send

_BATCH = 30
_LEAST_LOOKS = 3
_PAUSE_S = 0.5


def recovers(question: Question) -> Answer:
    """After such a wave, and without anybody's help: is an ordinary visitor served again, by every server?

    Ordinary requests are sent in batches, until one is served whole by all the servers. The answer is no after
    ``within`` seconds and a few batches, so a busy machine only makes it later.
    """
    _, answer = before(question)
    if answer is not None:
        return answer
    people = send_wave(question, question.seed).requests
    crowd = population(question.populations[0])
    expected = {name for name, share in question.running.stack.fair_shares().items() if share > 0}
    deadline = time.monotonic() + float(question.check.settings["within"])
    looks, sent = 0, people
    while True:
        sample = send(question.running, crowd, crowd.browse(_BATCH, seed=question.seed + looks), concurrency=8)
        silent = sorted(expected - sample.counts().keys())
        lost = unserved(sample)
        looks, sent = looks + 1, sent + sample.requests
        if not (silent or lost):
            words = f"{people} people came at once. Afterwards everybody was served again, by every server."
            return Answer(True, words, sample.shares(), sent)
        if looks >= _LEAST_LOOKS and time.monotonic() > deadline:
            break
        time.sleep(_PAUSE_S)
    dead = crashed_of(question.running)
    words = f"{people} people came at once. Afterwards {lost} of {_BATCH} ordinary requests were not served."
    if silent:
        words += f" {listed(silent)} got nothing{', being dead' if set(silent) <= set(dead) else ''}."
    causes = causes_of("crashed" if dead else "silent", question.findings)
    why = "A server that died stays dead until somebody starts it." if dead and not causes else ""
    return Answer(False, words, sample.shares(), sent, lost, causes, why)


KIND = Kind(recovers, settings={"patience": 8.0, "within": 8.0})
