"""So many people at once that only the whole pool can hold them: does anything crash?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autograder.judge.spread import Spread
from autograder.labs.explain import causes_of
from autograder.labs.kinds import clues, in_balancers
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import KNOCK, failures_in_words, listed, unserved
from autograder.labs.kinds.spread import judged
from autograder.stack.engine import EngineError
from autograder.stack.model import CLIENTS
from autograder.stack.vitals import vitals
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autograder.stack.model import Server
    from autograder.traffic.sample import Sample

TRIES = 5
"""How often a peak is tried before "it crashes" is the answer."""
FULL = 0.8
"""Part of the people who must have been with the servers at once, or they were under no pressure."""
BUSY = 0.75
"""Where the balancer keeps people waiting, the servers' workers must have been busy for this part of the time."""
# Named by import, not by word: so it is compiled here, where the outcome can be kept, and not anew at every call.
_STATUS = f"{vitals.__module__}:{vitals.__name__}"
_ANSWERS_S = 2.0


def peak(question: Question) -> Answer:
    """So many people at once that only the whole pool can hold them: does anything crash?

    The load is a closed loop of ``concurrency`` people, not a rate: how full each server gets follows from its share
    and its size alone, however fast the machine is that runs the lab. A stall of the servers can only fill a queue,
    never empty one; so one survival in :data:`TRIES` proves the config, and a config that spreads badly is not
    tried again. A stall of the people empties queues. So a survival counts only if the servers were under pressure.

    Raises:
        EngineError: nothing crashed, and this machine could not press the servers either.
    """
    crowd = population(question.populations[0])
    knock = send(question.running, crowd, crowd.check_out(KNOCK, seed=question.seed), concurrency=KNOCK)
    if unserved(knock) > KNOCK / 2:
        words = f"Before the peak, with {KNOCK} people: {failures_in_words(knock)}"
        fell = not all(state.up for state in question.running.servers().values())
        causes = causes_of("crashed" if fell else "errors", question.findings)
        why = "" if fell or causes else clues.NOT_SERVED
        return Answer(False, words, knock.shares(), knock.requests, unserved(knock), causes, why)
    unproven, told = "", ""
    quiet: list[Sample] = []
    for attempt in range(TRIES):
        answer, slack = _peak_once(question, question.seed + attempt)
        if answer.passed and not slack:
            return answer
        unproven = slack if answer.passed else unproven
        if attempt + 1 < TRIES:
            for name in question.running.servers():
                question.running.kill(name)  # each tells the longest queue since it was started
            question.make_whole()
            if not answer.passed:
                quiet.append(_quiet(question))
                told = clues.of_crash(judged(question, question.populations[0], quiet))
                if judged(question, question.populations[0], quiet[-1:]).spread is Spread.CONCENTRATED:
                    return _told(answer, told)  # nobody needs to ask why it crashed
    if unproven:
        remedy = "let it rest, and run the same again"
        raise EngineError("this machine is too busy for a peak", why=unproven, remedy=remedy)
    return _told(answer, told)


def _told(answer: Answer, quiet: str) -> Answer:
    """With what quiet traffic said, where nothing else says why."""
    return answer if answer.causes or answer.why else replace(answer, why=quiet)


def _quiet(question: Question) -> Sample:
    """A short look at quiet traffic."""
    crowd = population(question.populations[0])
    return send(question.running, crowd, crowd.browse(int(question.check.requests / 4), seed=question.seed))


def _peak_once(question: Question, seed: int) -> tuple[Answer, str]:
    """One peak; and why a survival of it proves nothing, if so."""
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
    causes = () if good else causes_of("crashed" if crashed else "errors", question.findings)
    why = "" if crashed or causes or not unserved(sample) else clues.NOT_SERVED
    answer = Answer(good, words, sample.shares(), sample.requests, unserved(sample), causes, why)
    return answer, _slack(question, sample) if good else ""


def _slack(question: Question, sample: Sample) -> str:
    """Why the servers were under no pressure; empty if they were."""
    running, people = question.running, question.check.concurrency
    asked = {
        server.name: (running.machines.address(server.name), server.port)
        for server in running.stack.servers
        if server.speaks == "http"
    }
    told = running.machines.call(CLIENTS, _STATUS, {"servers": asked, "timeout": _ANSWERS_S})
    held = sum(status["peak_waiting"] + status["workers"] for status in told.values())
    busy = busy_part(sample, running.stack.servers)
    # Whom the config lets wait in the balancer, no stall keeps from the servers.
    if held + in_balancers.waited(running) >= FULL * people or busy >= BUSY:
        return ""
    return f"at most {held} of {people} people were with the servers at once, whose workers were {busy:.0%} busy"


def busy_part(sample: Sample, servers: Iterable[Server]) -> float:
    """For which part of the time the workers of the servers that answered were busy with checkouts."""
    counts = sample.counts()
    serving = [server for server in servers if counts.get(server.name)]
    work_s = sum(counts[server.name] * server.service_ms / 1000 / server.workers for server in serving)
    return work_s / len(serving) / sample.seconds if serving and sample.seconds else 0.0


KIND = Kind(peak, version=2)
