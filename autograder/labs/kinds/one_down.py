"""One server dies under traffic: does any client notice, and do the others carry on?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.labs.explain import causes_of
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import KNOCK, PATIENCE, failures_in_words, only_some_late, traffic_in_words, unserved
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from autograder.traffic.sample import Sample


def one_down(question: Question) -> Answer:
    """One server dies under traffic: does any client notice, and do the others carry on?"""
    crowd = population(question.populations[0])
    concurrency = question.check.concurrency
    before = send(question.running, crowd, crowd.browse(KNOCK, seed=question.seed), concurrency=concurrency)
    if unserved(before) > len(before.fates) / 2:
        words = f"Every server was still up. {failures_in_words(before)} {traffic_in_words(before, before.described)}"
        causes = causes_of("errors", question.findings)
        return Answer(False, words, before.shares(), before.requests, unserved(before), causes)
    victim = _serving_victim(question.victim, before)
    question.running.kill(victim)
    requests = crowd.browse(question.check.requests, seed=question.seed)
    sample = send(question.running, crowd, requests, concurrency=concurrency)
    if only_some_late(sample):
        requests = crowd.browse(question.check.requests, seed=question.seed + 1)
        sample = send(question.running, crowd, requests, concurrency=concurrency, timeout=PATIENCE)
    shares = sample.shares()
    # One server carrying everything is no redundancy: the next death would be the outage.
    alone = len(shares) < 2
    good = not unserved(sample) and not alone
    words = f"{victim} was killed. {failures_in_words(sample)} {traffic_in_words(sample, sample.described)}"
    if alone and shares:
        words += f" Everything else went to {next(iter(shares))} alone."
    causes = () if good else causes_of("errors", question.findings)
    return Answer(good, words, shares, sample.requests, unserved(sample), causes, "" if causes else _why(sample))


def _why(sample: Sample) -> str:
    """What the traffic says where no finding knows more: others were up, and somebody got nothing from them."""
    if not unserved(sample) or not sample.counts():
        return ""
    return (
        "Others were up, and whoever met the dead server got nothing from them. How often is such a request tried "
        "again, and is that at another server, in time?"
    )


def _serving_victim(wished: str, before: Sample) -> str:
    """A server whose death somebody can notice: the one wished for if it serves, else the one that serves most."""
    counts = before.counts()
    return wished if wished in counts or not counts else max(sorted(counts), key=lambda name: counts[name])


KIND = Kind(one_down, version=3)
