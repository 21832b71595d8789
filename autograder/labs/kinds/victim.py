"""The server that something happens to, and whether people are served before it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.labs.explain import causes_of
from autograder.labs.kinds.kind import Answer
from autograder.labs.kinds.served import KNOCK, PATIENCE, failures_in_words, unserved
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from autograder.labs.kinds.kind import Question
    from autograder.traffic.sample import Sample


def before(question: Question) -> tuple[Sample, Answer | None]:
    """A few requests while all is well; an answer if most of them were not served, for then nothing more is asked."""
    crowd = population(question.populations[0])
    requests = crowd.browse(KNOCK, seed=question.seed)
    sample = send(question.running, crowd, requests, concurrency=8)
    if sample.failures.get("timeout"):
        sample = send(question.running, crowd, requests, concurrency=8, timeout=PATIENCE)
    if unserved(sample) <= len(sample.fates) / 2:
        return sample, None
    words = f"All was well with every server. {failures_in_words(sample)}"
    causes = causes_of("errors", question.findings)
    return sample, Answer(False, words, sample.shares(), sample.requests, unserved(sample), causes)


def victim_of(question: Question, sample: Sample) -> str:
    """A server that somebody would miss: the one wished for if it serves, else the one that serves most."""
    counts = sample.counts()
    wished = question.victim
    return wished if wished in counts or not counts else max(sorted(counts), key=lambda name: counts[name])
