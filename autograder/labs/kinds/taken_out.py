"""A server is there and useless: is it taken out, so that nobody meets it any more?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.labs.explain import causes_of
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import failures_in_words, listed, turned_away_in_words, unserved
from autograder.labs.kinds.victim import before, victim_of
from autograder.stack.conduct import Conduct
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from autograder.stack.running import RunningStack

LEAST_LOOKS = 4
"""However slow this machine is, the balancer has so many batches of requests to show that it noticed."""
_PAUSE_S = 0.5
_DESCRIBED = {
    "failing": "answers every page with an error at once, its health page too",
    "hung": "hangs: it takes every connection and never answers",
}
_WHY = {
    "failing": "Nothing in this config takes {} out for its answers: its port is open, and that is enough.",
    "hung": "Nothing in this config asks {} for an answer and stops waiting: its port still takes connections.",
}
"""Where no finding knows more."""


@dataclass(frozen=True)
class Looked:
    """Batches of requests, one after another, until one was served whole or it took too long."""

    noticed: bool
    requests: int
    lost: int
    last: str


def taken_out(question: Question) -> Answer:
    """One server fails or hangs, and stays so: do its requests reach others before long?

    ``trouble`` is ``failing`` or ``hung``. Batches of requests are sent until one is served whole, by whatever means:
    checks, what the balancer learns from answers, tries elsewhere. The answer is no after ``within`` seconds and
    :data:`LEAST_LOOKS` batches; a busy machine can only make that later, and each batch is a new chance. A client
    waits for ``patience`` seconds: who would have to wait longer counts as lost. With ``every``, each server that
    serves has its turn, and all are well again before the next: whoever looks after one may have forgotten another.
    """
    settings = question.check.settings
    trouble = str(settings["trouble"])
    well, answer = before(question)
    if answer is not None:
        return answer
    first = victim_of(question, well)
    others = sorted(well.counts().keys() - {first}) if settings["every"] else []
    sent = lost = 0
    for victim in (first, *others):
        if victim != first:
            question.make_whole()
        looked = _look_at(question, victim, trouble)
        sent, lost = sent + looked.requests, lost + looked.lost
        if not looked.noticed:
            return _met(question, victim, looked, "" if victim == first else first)
    words = f"{first} {_DESCRIBED[trouble]}."
    words += f" After {lost} lost requests nobody met it any more." if lost else " No client noticed."
    words += f" The same with {listed(others)}." if others else ""
    return Answer(True, words, {}, sent)


def _met(question: Question, victim: str, looked: Looked, noticed: str) -> Answer:
    """The answer where clients go on meeting ``victim``, though those of ``noticed``, if there is one, did not."""
    trouble = str(question.check.settings["trouble"])
    words = f"{victim} {_DESCRIBED[trouble]}."
    words += f" {looked.lost} of {looked.requests} requests were lost, and it went on: {looked.last}"
    causes = causes_of("errors", question.findings)
    why = _WHY[trouble].format(victim)
    if noticed:
        words = f"{noticed} was taken out. {words}"
        why = f"{noticed} was noticed in time, and {victim} was not. Is one of them treated otherwise, or was it luck?"
    return Answer(False, words.strip(), {}, looked.requests, looked.lost, causes, "" if causes else why)


def _look_at(question: Question, victim: str, trouble: str) -> Looked:
    """What clients meet while ``victim`` is in trouble; it is well afterwards."""
    _begin(question.running, victim, trouble)
    try:
        return _look(question)
    finally:
        question.running.bring_back()


def _begin(running: RunningStack, victim: str, trouble: str) -> None:
    if trouble == "hung":
        running.pause(victim)
    else:
        running.afflict(victim, Conduct(failing=True))


def _look(question: Question) -> Looked:
    settings = question.check.settings
    crowd = population(question.populations[0])
    deadline = time.monotonic() + float(settings["within"])
    sent = lost = looks = 0
    while True:
        requests = crowd.browse(question.check.requests, seed=question.seed + looks)
        # All at once: one that waits keeps nobody else waiting.
        sample = send(question.running, crowd, requests, concurrency=len(requests), timeout=float(settings["patience"]))
        sent, lost, looks = sent + sample.requests, lost + unserved(sample), looks + 1
        if not unserved(sample):
            return Looked(True, sent, lost, "")
        if looks >= LEAST_LOOKS and time.monotonic() > deadline:
            return Looked(False, sent, lost, failures_in_words(sample) or turned_away_in_words(sample))
        time.sleep(_PAUSE_S)


KIND = Kind(taken_out, version=2, settings={"trouble": "failing", "within": 14.0, "patience": 4.0, "every": False})
