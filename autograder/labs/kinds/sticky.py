"""Does everybody meet the same server again, and are the newcomers dealt out fairly?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autograder.judge.spread import Spread
from autograder.labs.explain import causes_of
from autograder.labs.kinds import clues, entrance
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import PATIENCE, failures_in_words, listed, only_some_late, unserved
from autograder.labs.kinds.spread import judged
from autograder.traffic.clients import population
from autograder.traffic.sample import merged
from autograder.traffic.send import Cookies, send

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.traffic.clients import Population
    from autograder.traffic.sample import Fate, Sample

MAY_MOVE = 0.05
"""Part of the clients who may meet another server once: a check that came late on a busy machine moves a few."""
TRIES = 2


def sticky(question: Question) -> Answer:
    """Does everybody meet the same server again, and are the newcomers dealt out fairly, with each population?

    Every client comes once, and then ``visits`` times more, with the cookies it was given where the check's
    ``cookies`` says that these clients keep any. Counted are the clients for whom a later visit was answered by another
    server than the first. One server for all would be faithful too, so the first visits must be spread. A busy machine
    can only make a client move, by a check that comes too late: a few may, and whoever has more than a few is asked
    once more, as other clients.
    """
    answers: list[Answer] = []
    for name in question.populations:
        for attempt in range(TRIES):
            answer = _with(question, name, question.seed + attempt)
            if answer.passed:
                break
        answers.append(answer)
        if not answer.passed:
            return answer
    return answers[0]


def people(name: str, count: int, *, cookies: bool = True) -> Population:
    """``count`` people of a population at most, who all keep cookies or none; behind one address there are many."""
    crowd = population(name)
    chosen = crowd.clients[:count] if len(crowd.clients) > 1 else crowd.clients * count
    return replace(crowd, clients=tuple(replace(one, cookies=cookies) for one in chosen))


def moved(first: Sequence[Fate], later: Sequence[Fate]) -> int:
    """Clients of whom some later visit was answered by another server than their first."""
    home = {fate.client: fate.server for fate in first}
    return len({fate.client for fate in later if fate.server != home.get(fate.client)})


def _with(question: Question, name: str, seed: int) -> Answer:
    visits, keep = int(question.check.settings["visits"]), bool(question.check.settings["cookies"])
    crowd = people(name, int(question.check.settings["clients"]), cookies=keep)
    clients = len(crowd.clients)
    cookies = Cookies()
    first = _visit(question, crowd, clients, seed, cookies)
    if unserved(first):
        return _failed(question, first)
    later = _visit(question, crowd, clients * visits, seed + 1, cookies)
    if unserved(later):
        return _failed(question, later)
    count = moved(first.fates, later.fates)
    both = merged([first, later])
    who = f"{clients} people{'' if keep else ' who keep no cookies'}, {visits + 1} visits each"
    if name not in question.check.clients:
        who += ", of another kind than in the lab"
    shares = first.shares()
    hottest = max(sorted(shares), key=lambda server: shares[server])
    fair = question.running.stack.fair_shares()
    verdict = judged(question, name, [first])
    uneven = verdict.spread is Spread.CONCENTRATED
    if uneven:
        words = f"{who}. {hottest} was given {shares[hottest]:.0%} of the newcomers; its fair share is "
        words += f"{fair.get(hottest, 0.0):.0%}."
        silent = [server for server in fair if server not in shares]
        if silent:
            words += f" {listed(silent)} got nobody."
        seen = "one-server" if len(shares) == 1 else "skewed"
        causes = causes_of(seen, entrance.findings(question))
        why = "" if causes or name not in question.check.clients else clues.of_spread(verdict, first)
        return Answer(False, words, shares, both.requests, 0, causes, why)
    good = count <= clients * MAY_MOVE
    words = f"{who}. "
    words += "Newcomers were spread, and " if good else ""
    words += "everybody met the same server again." if not count else f"{count} of {clients} met another server later."
    causes = () if good else causes_of("silent", entrance.findings(question))
    why = "" if good or causes else "For them nothing that comes back with a visitor says where they were."
    return Answer(good, words, shares, both.requests, 0, causes, why)


def _visit(question: Question, crowd: Population, count: int, seed: int, cookies: Cookies) -> Sample:
    requests = crowd.browse(count, seed=seed)
    concurrency, door = question.check.concurrency, entrance.door(question)
    sample = send(question.running, crowd, requests, concurrency=concurrency, cookies=cookies, door=door)
    if only_some_late(sample):
        again = crowd.browse(count, seed=seed)
        sample = send(
            question.running, crowd, again, concurrency=concurrency, cookies=cookies, timeout=PATIENCE, door=door
        )
    return sample


def _failed(question: Question, sample: Sample) -> Answer:
    causes = causes_of("errors", entrance.findings(question))
    return Answer(False, failures_in_words(sample), sample.shares(), sample.requests, unserved(sample), causes)


KIND = Kind(
    sticky, version=2, only_sends=True, settings={"clients": 240, "visits": 2, "cookies": True, **entrance.SETTING}
)
