"""The config is reloaded while people check out: does one of them lose their order?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait

from autograder.labs.explain import causes_of
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import PATIENCE, failures_in_words, unserved
from autograder.labs.kinds.victim import before
from autograder.traffic.clients import population
from autograder.traffic.send import send

_BETWEEN_S = 0.4


def reload(question: Question) -> Answer:
    """The config that runs is loaded again, ``reloads`` times, while ``rate`` people a second check out.

    A checkout takes its server longer than a reload takes to begin, so some are in work at each reload whatever the
    speed of this machine. Every request must be served: a reload that waits for what is in work loses none, and a slow
    machine only makes it wait longer. Clients wait for twenty seconds.
    """
    _, answer = before(question)
    if answer is not None:
        return answer
    settings, running = question.check.settings, question.running
    crowd = population(question.populations[0])
    requests = crowd.check_out(question.check.requests, seed=question.seed)
    done = 0
    with ThreadPoolExecutor(1, "checkouts") as pool:
        sending = pool.submit(send, running, crowd, requests, rate=float(settings["rate"]), timeout=PATIENCE)
        while done < int(settings["reloads"]):
            wait([sending], _BETWEEN_S)
            if sending.done():
                break
            running.apply(running.running or {})
            done += 1
        sample = sending.result()
    lost = unserved(sample)
    words = f"{done} reloads while {sample.requests} people checked out. {failures_in_words(sample)}"
    if not lost:
        return Answer(True, words, sample.shares(), sample.requests)
    why = (
        "A reload starts new workers; the old ones finish what they have and then end. Something in this config ends "
        "them before they have."
        if sample.failures.get("reset")
        else ""
    )
    causes = causes_of("errors", question.findings)
    return Answer(False, words, sample.shares(), sample.requests, lost, causes, why)


KIND = Kind(reload, settings={"rate": 20.0, "reloads": 3})
