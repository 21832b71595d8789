"""Every server fails: does the balancer make more work of it than was asked?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.labs.explain import causes_of
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.victim import before
from autograder.stack.conduct import Conduct
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from autograder.traffic.sample import Sample


def amplified(question: Question) -> Answer:
    """Every server answers every page with an error at once: how many requests do the servers see for each sent?

    Counted at the servers: entries in their journals, of which the health page makes none. Up to ``most`` for each
    request is fine. Tries at a server that is already taken out, and requests that a slow machine loses, are no work,
    so they can only make it less.
    """
    _, answer = before(question)
    if answer is not None:
        return answer
    running = question.running
    crowd = population(question.populations[0])
    try:
        for server in running.stack.servers:
            running.afflict(server.name, Conduct(failing=True))
        requests = crowd.browse(question.check.requests, seed=question.seed)
        sample = send(running, crowd, requests, concurrency=8)
    finally:
        running.bring_back()
    work, most = work_in(sample), float(question.check.settings["most"])
    words = f"Every server failed. For {sample.requests} requests of clients the servers were asked {work} times."
    if work <= most * sample.requests:
        return Answer(True, words, {}, sample.requests)
    words += f" At most {most * sample.requests:.0f} would be fair."
    causes = tuple(f for f in causes_of("errors", question.findings) if f.mistake in _ABOUT_RETRIES)
    why = "" if causes else "Some line lets a request be tried again after an error, and all of them end in one."
    return Answer(False, words, {}, sample.requests, sample.failed, causes, why)


_ABOUT_RETRIES = ("retries-the-same-server",)


def work_in(sample: Sample) -> int:
    """How often servers worked on the requests of a sample, whoever got the answer."""
    return sum(sample.counts().values()) + sample.extra


KIND = Kind(amplified, settings={"most": 1.25})
