"""The kinds of check that a lab may name. Each is a question put to a running stack and answered from its traffic."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.judge.spread import CONCENTRATED_AT, ENOUGH_CLIENTS, Spread, SpreadVerdict, judge_spread
from autograder.labs.explain import causes_of
from autograder.traffic.clients import population
from autograder.traffic.sample import merged
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.labs.lab import Check
    from autograder.mistakes.finding import Finding
    from autograder.stack.running import RunningStack
    from autograder.traffic.sample import Sample

VERSIONS = {"loads": 2, "spread": 2, "one-down": 2, "peak": 2}
"""Kind → its version, 1 where there is none: raise it when the kind answers differently."""

_BATCHES = (1 / 12, 1 / 12, 5 / 6, 1.0, 1.0, 1.0)
"""Parts of a check's requests, sent one after another until the answer is safe. Everything on one server is plain
from a few dozen requests, and on one server they take longest."""
_KNOCK = 32
"""Requests sent before anything else is asked: who answers none of them is not waited for any longer."""
TRIES = 5
"""How often a peak is tried before "it crashes" is the answer."""
_PATIENCE = 20.0
"""Seconds that a client waits who asks for the second time."""
PLAINLY = 2.0
"""From this multiple of a fair share on, no second look is needed."""
NEARLY_ALL = 0.9
"""A server with this share of all requests has them all, for the purpose of saying why."""


@dataclass(frozen=True)
class Answer:
    """What a check saw: passed or not, in words and numbers, and which findings can explain it."""

    passed: bool
    observed: str
    share: dict[str, float]
    requests: int
    failed: int
    causes: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Question:
    """A check to be answered on a stack that runs the submitted config, all servers up, just reloaded."""

    check: Check
    running: RunningStack
    findings: tuple[Finding, ...]
    populations: tuple[str, ...]
    victim: str
    """The server that dies, where the check lets one die; another one if this one serves nobody."""
    seed: int
    make_whole: Callable[[], None]
    """Starts servers that are down and reloads the balancer, so that it remembers no dead ones."""


def spread(question: Question) -> Answer:
    """Does every server get its fair share, with each population?"""
    answers: list[Answer] = []
    for name in question.populations:
        answers.append(_spread_with(question, name))
        if not answers[-1].passed:
            return answers[-1]
    return answers[0]


def _spread_with(question: Question, clients: str) -> Answer:
    samples = _samples(question, clients, question.seed)
    verdict = _judged(question, clients, samples)
    if verdict.spread is Spread.CONCENTRATED and verdict.peak_to_fair < PLAINLY and not verdict.silent:
        # Methods that follow load follow the noise of a busy machine too, but not twice to the same server.
        samples += _samples(question, clients, question.seed + len(_BATCHES))
        verdict = _judged(question, clients, samples)
    sample = merged(samples)
    described = sample.described if clients in question.check.clients else "clients of another kind than in the lab"
    words = f"{_shares_in_words(verdict)} {_turned_away_in_words(sample)}{_traffic_in_words(sample, described)}"
    good = _fair_enough(verdict) and not _unserved(sample)
    causes = () if good else causes_of(_seen(verdict), question.findings)
    return Answer(good, words, dict(verdict.share), sample.requests, _unserved(sample), causes)


def _unserved(sample: Sample) -> int:
    """Requests that no server answered with a page: failures, and what the balancer sends away (302, 404, 429, …).

    A shop's clients want a page. Without this, a balancer that turns the surplus away would look fair.
    """
    return sum(1 for fate in sample.fates if fate.failure or not fate.server)


def _samples(question: Question, clients: str, seed: int) -> list[Sample]:
    """Send batch after batch until the answer is safe, or somebody is not served, or there were enough."""
    crowd = population(clients)
    samples: list[Sample] = []
    for number, part in enumerate(_BATCHES):
        requests = crowd.browse(int(question.check.requests * part), seed=seed + number)
        sample = send(question.running, crowd, requests, concurrency=question.check.concurrency)
        if _only_some_late(sample):
            requests = crowd.browse(len(requests), seed=seed + number + len(_BATCHES))
            sample = send(question.running, crowd, requests, concurrency=question.check.concurrency, timeout=_PATIENCE)
        samples.append(sample)
        if _unserved(sample) or _judged(question, clients, samples).spread is not Spread.UNDECIDED:
            break
    return samples


def _only_some_late(sample: Sample) -> bool:
    """Whether some waited in vain, and nothing else went wrong: this machine may have stalled, so they ask again."""
    late = sample.failures.get("timeout", 0)
    return 0 < late < sample.requests / 4 and late == _unserved(sample)


def _judged(question: Question, clients: str, samples: list[Sample]) -> SpreadVerdict:
    # One address stands for many people: there each request is a decision about somebody else.
    unit = "request" if len(population(clients).clients) == 1 else "auto"
    return judge_spread(merged(samples), question.running.stack.fair_shares(), unit=unit)


def _fair_enough(verdict: SpreadVerdict) -> bool:
    """Proven even; or, after all that traffic, no server with 1.5 times its share: that is worth no point off."""
    near = verdict.peak_to_fair < CONCENTRATED_AT and not verdict.silent and verdict.units >= ENOUGH_CLIENTS
    return verdict.spread is Spread.EVEN or (verdict.spread is Spread.UNDECIDED and near)


def one_down(question: Question) -> Answer:
    """One server dies under traffic: does any client notice, and do the others carry on?"""
    crowd = population(question.populations[0])
    concurrency = question.check.concurrency
    before = send(question.running, crowd, crowd.browse(_KNOCK, seed=question.seed), concurrency=concurrency)
    if _unserved(before) > len(before.fates) / 2:
        words = f"Every server was still up. {_failures_in_words(before)} {_traffic_in_words(before, before.described)}"
        causes = causes_of("errors", question.findings)
        return Answer(False, words, before.shares(), before.requests, _unserved(before), causes)
    victim = _serving_victim(question.victim, before)
    question.running.kill(victim)
    requests = crowd.browse(question.check.requests, seed=question.seed)
    sample = send(question.running, crowd, requests, concurrency=concurrency)
    if _only_some_late(sample):
        requests = crowd.browse(question.check.requests, seed=question.seed + 1)
        sample = send(question.running, crowd, requests, concurrency=concurrency, timeout=_PATIENCE)
    shares = sample.shares()
    # One server carrying everything is no redundancy: the next death would be the outage.
    alone = len(shares) < 2
    good = not _unserved(sample) and not alone
    words = f"{victim} was killed. {_failures_in_words(sample)} {_traffic_in_words(sample, sample.described)}"
    if alone and shares:
        words += f" Everything else went to {next(iter(shares))} alone."
    return Answer(
        good,
        words,
        shares,
        sample.requests,
        _unserved(sample),
        () if good else causes_of("errors", question.findings),
    )


def _serving_victim(wished: str, before: Sample) -> str:
    """A server whose death somebody can notice: the one wished for if it serves, else the one that serves most."""
    counts = before.counts()
    return wished if wished in counts or not counts else max(sorted(counts), key=lambda name: counts[name])


def peak(question: Question) -> Answer:
    """So many people at once that only the whole pool can hold them: does anything crash?

    The load is a closed loop of ``concurrency`` people, not a rate: how full each server gets follows from its share
    and its size alone, however fast the machine is that runs the lab. A stall of that machine can only fill a queue,
    never empty one; so one survival in :data:`TRIES` proves the config, and a config that spreads badly is not
    tried again.
    """
    crowd = population(question.populations[0])
    knock = send(question.running, crowd, crowd.check_out(_KNOCK, seed=question.seed), concurrency=_KNOCK)
    if _unserved(knock) > _KNOCK / 2:
        words = f"Before the peak, with {_KNOCK} people: {_failures_in_words(knock)}"
        causes = causes_of("crashed", question.findings)
        return Answer(False, words, knock.shares(), knock.requests, _unserved(knock), causes)
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
    return _judged(question, clients, [look]).spread is Spread.CONCENTRATED


def _peak_once(question: Question, seed: int) -> Answer:
    crowd = population(question.populations[0])
    requests = crowd.check_out(question.check.requests, seed=seed)
    sample = send(question.running, crowd, requests, concurrency=question.check.concurrency, timeout=10.0)
    crashed = [name for name, state in question.running.servers().items() if not state.up]
    cheap = sum(1 for fate in sample.fates if fate.server and not fate.checkout)
    good = not crashed and not _unserved(sample) and not cheap
    fate = f"{_list(crashed)} ran out of memory and died." if crashed else "Nothing crashed."
    words = f"{question.check.concurrency} people at once. {fate} {_failures_in_words(sample)}"
    if cheap:
        words += f" {cheap} people who wanted to check out were given another page."
    causes = () if good else causes_of("crashed", question.findings)
    return Answer(good, words, sample.shares(), sample.requests, _unserved(sample), causes)


KINDS: dict[str, Callable[[Question], Answer]] = {"spread": spread, "one-down": one_down, "peak": peak}
"""Kinds of check that are answered by traffic. ``loads`` is answered by applying the config."""


def _seen(verdict: SpreadVerdict) -> str:
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
        parts.append(f"{_list(verdict.silent)} got nothing.")
    if verdict.spread is Spread.UNDECIDED and not verdict.silent and verdict.units < ENOUGH_CLIENTS:
        parts.append(f"Only {verdict.units} {verdict.unit}s decided anything: too few to call this even.")
    return " ".join(parts)


def _traffic_in_words(sample: Sample, described: str) -> str:
    return f"{sample.requests} requests from {described}, {sample.failed} failed, {sample.seconds:.1f} s."


def _failures_in_words(sample: Sample) -> str:
    if not _unserved(sample):
        return "No client saw an error."
    parts = []
    if sample.failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(sample.failures.items()))
        parts.append(f"{sample.failed} of {sample.requests} requests failed ({kinds}).")
    return " ".join([*parts, _turned_away_in_words(sample)]).strip()


def _turned_away_in_words(sample: Sample) -> str:
    """Ends in a space if it is not empty."""
    statuses = Counter(fate.status for fate in sample.fates if not fate.failure and not fate.server)
    if not statuses:
        return ""
    told = ", ".join(f"{count} with {status}" for status, count in sorted(statuses.items()))
    return f"The balancer turned {statuses.total()} of {sample.requests} requests away ({told}). "


def _list(names: tuple[str, ...] | list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
