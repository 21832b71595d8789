"""Does every server get its fair share, with each population of clients?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.judge.spread import CONCENTRATED_AT, ENOUGH_CLIENTS, Spread, SpreadVerdict, judge_spread
from autograder.labs.explain import causes_of
from autograder.labs.kinds import clues, entrance, in_balancers
from autograder.labs.kinds.clues import PLAINLY
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import (
    PATIENCE,
    listed,
    only_some_late,
    traffic_in_words,
    turned_away_in_words,
    unserved,
)
from autograder.traffic.clients import population
from autograder.traffic.sample import merged
from autograder.traffic.send import send

if TYPE_CHECKING:
    from autograder.traffic.sample import Sample

_BATCHES = (1 / 12, 1 / 12, 1 / 2, 1 / 3, 1 / 5, 4 / 5, 3 / 5, 2 / 5, 1.0)
"""Parts of a check's requests, sent one after another until the answer is safe. Everything on one server is plain
from a few dozen requests, and on one server they take longest. Of 600 requests over four servers a pool that takes
turns has proved itself after 400, one that draws lots seldom before 600; a pool that is uneven, but not worth a point,
after 1,560 or 1,800. There are no more than ten looks: see :mod:`autograder.judge.spread`.
"""
NEARLY_ALL = 0.9
"""A server with this share of all requests has them all, for the purpose of saying why."""


def spread(question: Question) -> Answer:
    """Does every server get its fair share, with each population?"""
    answers: list[Answer] = []
    for name in question.populations:
        answers.append(_spread_with(question, name))
        if not answers[-1].passed:
            return answers[-1]
    return answers[0]


def _spread_with(question: Question, clients: str) -> Answer:
    paths: list[str] = []
    samples = _samples(question, clients, question.seed, paths)
    verdict = judged(question, clients, samples)
    if verdict.spread is Spread.CONCENTRATED and verdict.peak_to_fair < PLAINLY and not verdict.silent:
        # Methods that follow load follow the noise of a busy machine too, but not twice to the same server.
        samples += _samples(question, clients, question.seed + len(_BATCHES), paths)
        verdict = judged(question, clients, samples)
    sample = merged(samples)
    known = clients in question.check.clients
    described = sample.described if known else "clients of another kind than in the lab"
    words = f"{_shares_in_words(verdict)} {turned_away_in_words(sample)}{traffic_in_words(sample, described)}"
    good = _fair_enough(verdict) and not unserved(sample)
    causes = () if good else causes_of(_seen(verdict, sample), entrance.findings(question))
    why = clues.of_spread(verdict, sample, paths) if known and not good and not causes else ""
    if not good and not causes and not why and in_balancers.compare_open_requests(question.running):
        why = clues.LEASTCONN
    return Answer(good, words, dict(verdict.share), sample.requests, unserved(sample), causes, why)


def _samples(question: Question, clients: str, seed: int, paths: list[str]) -> list[Sample]:
    """Send batch after batch until the answer is safe, or somebody is not served, or there were enough.

    What they asked for is added to ``paths``.
    """
    crowd, door = population(clients), entrance.door(question)
    samples: list[Sample] = []
    for number, part in enumerate(_BATCHES):
        requests = crowd.browse(int(question.check.requests * part), seed=seed + number)
        sample = send(question.running, crowd, requests, concurrency=question.check.concurrency, door=door)
        if only_some_late(sample):
            requests = crowd.browse(len(requests), seed=seed + number + len(_BATCHES))
            concurrency = question.check.concurrency
            sample = send(question.running, crowd, requests, concurrency=concurrency, timeout=PATIENCE, door=door)
        samples.append(sample)
        paths += [request.path for request in requests]
        if unserved(sample) or judged(question, clients, samples).spread is not Spread.UNDECIDED:
            break
    return samples


def judged(question: Question, clients: str, samples: list[Sample]) -> SpreadVerdict:
    """The verdict on the spread of some samples together."""
    # One address stands for many people: there each request is a decision about somebody else.
    unit = "request" if len(population(clients).clients) == 1 else "auto"
    return judge_spread(merged(samples), question.running.stack.fair_shares(), unit=unit)


def _fair_enough(verdict: SpreadVerdict) -> bool:
    """Proven even; or, after all that traffic, no server with 1.5 times its share: that is worth no point off."""
    near = verdict.peak_to_fair < CONCENTRATED_AT and not verdict.silent and verdict.units >= ENOUGH_CLIENTS
    return verdict.spread is Spread.EVEN or (verdict.spread is Spread.UNDECIDED and near)


def _seen(verdict: SpreadVerdict, sample: Sample) -> str:
    if unserved(sample) and verdict.spread is not Spread.CONCENTRATED:
        return "errors"
    if verdict.share.get(verdict.hottest, 0.0) >= NEARLY_ALL:
        return "one-server"
    if verdict.silent and verdict.peak_to_fair < 2:
        return "silent"
    return "skewed"


def _shares_in_words(verdict: SpreadVerdict) -> str:
    if not verdict.units:
        return "No request reached any server."
    hottest = verdict.hottest
    parts = [
        f"{hottest} got {verdict.share[hottest]:.0%} of the requests; its fair share is {verdict.fair[hottest]:.0%}."
    ]
    if _fair_enough(verdict):
        parts = [f"Every server got its fair share (at most {verdict.peak_to_fair:.2f} times it)."]
    if verdict.silent:
        parts.append(f"{listed(verdict.silent)} got nothing.")
    if verdict.spread is Spread.UNDECIDED and not verdict.silent and verdict.units < ENOUGH_CLIENTS:
        parts.append(f"Only {verdict.units} {verdict.unit}s decided anything: too few to call this even.")
    return " ".join(parts)


KIND = Kind(spread, version=2, only_sends=True, settings=entrance.SETTING)
