"""Far more people at once than can be served: who is served, who is told so, who waits in vain?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.labs.explain import causes_of
from autograder.labs.kinds import in_balancers
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import listed
from autograder.labs.kinds.victim import before
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from autograder.stack.running import RunningStack
    from autograder.traffic.sample import Sample

TRIES = 2
"""How often a wave is sent before "somebody waited in vain" is the answer."""


@dataclass(frozen=True)
class Wave:
    """What became of a wave of people: ``told`` were answered by the balancer, at once or after a while.

    ``idle`` is how many of the servers' workers never had an order, because the balancer gave them none.
    """

    people: int
    served: int
    told: int
    in_vain: int
    cut_off: int
    crashed: tuple[str, ...]
    idle: int = 0

    def good(self, at_least: int) -> bool:
        """Whether nothing crashed, enough were served, nobody sent away for nothing, and everybody else was told."""
        lost = self.crashed or self.in_vain or self.cut_off or (self.told and self.idle)
        return not lost and self.served >= at_least

    def worth_another(self, at_least: int) -> bool:
        """Whether only time went wrong, which may be this machine's fault."""
        return not self.crashed and not self.good(at_least)


def surge(question: Question) -> Answer:
    """Many people check out at once, each once, and leave after ``patience`` seconds: is it held?

    Everybody comes in one wave, so how full the servers get follows from the config alone, and a crash is never this
    machine's fault. Served must be at least ``each`` for every server, a small part of what they can do in that time.
    The others must have an answer, whatever it says, before they leave: how far a queue may reach is told by the
    config and not by the machine, and where the machine stalled the wave is sent again, up to :data:`TRIES` times.
    Nobody may be sent away while workers never get anything to do.
    """
    settings = question.check.settings
    at_least = int(settings["each"]) * len(question.running.stack.servers)
    _, answer = before(question)
    if answer is not None:
        return answer
    for attempt in range(TRIES):
        if attempt:
            question.make_whole()
        sample = send_wave(question, question.seed + attempt)
        wave = wave_of(sample, crashed_of(question.running), idle_of(question.running))
        if not wave.worth_another(at_least):
            break
    good = wave.good(at_least)
    words = in_words(wave, at_least)
    causes = () if good else causes_of("crashed" if wave.crashed else "errors", question.findings)
    reason = "" if causes else why(wave, at_least)
    return Answer(good, words, sample.shares(), wave.people, wave.people - wave.served, causes, reason)


def send_wave(question: Question, seed: int) -> Sample:
    """Everybody at once, each once."""
    crowd = population(question.populations[0])
    people = question.check.requests
    patience = float(question.check.settings["patience"])
    return send(question.running, crowd, crowd.check_out(people, seed=seed), concurrency=people, timeout=patience)


def crashed_of(running: RunningStack) -> tuple[str, ...]:
    """Servers whose process is gone."""
    return tuple(name for name, state in running.servers().items() if not state.up)


def idle_of(running: RunningStack) -> int:
    """Workers that can never have had an order: more than all that was with the servers at once, where that is told."""
    most = in_balancers.at_servers(running)
    return 0 if most is None else max(0, sum(server.workers for server in running.stack.servers) - most)


def wave_of(sample: Sample, crashed: tuple[str, ...], idle: int = 0) -> Wave:
    """What became of everybody. An order counts as served only if a server worked on a checkout for it."""
    fates = Counter(_fate(fate.server if fate.checkout else "", fate.failure, fate.status) for fate in sample.fates)
    return Wave(sample.requests, fates["served"], fates["told"], fates["in vain"], fates["cut off"], crashed, idle)


def _fate(server: str, failure: str, status: int) -> str:
    if server and not failure:
        return "served"
    if failure == "timeout":
        return "in vain"
    return "told" if status and failure in ("", "5xx-balancer") else "cut off"


def in_words(wave: Wave, at_least: int) -> str:
    """What a wave met, in sentences."""
    parts = [f"{wave.people} people checked out at once."]
    parts.append(f"{listed(wave.crashed)} ran out of memory and died." if wave.crashed else "Nothing crashed.")
    few = f" (fewer than {at_least})" if wave.served < at_least else ""
    parts.append(f"{wave.served} were served{few}, {wave.told} were told to come later.")
    if wave.in_vain:
        parts.append(f"{wave.in_vain} waited until they left.")
    if wave.told and wave.idle and not wave.crashed:
        parts.append(f"{wave.idle} of the servers' workers never had anything to do.")
    if wave.cut_off:
        parts.append(f"{wave.cut_off} were cut off without an answer, or given an error by a server.")
    return " ".join(parts)


def why(wave: Wave, at_least: int) -> str:
    """What that says about the config, where it says it plainly and no finding knows more."""
    if wave.good(at_least):
        return ""
    if wave.crashed:
        return "A server was given more at once than it has room for: no limit, or one that lies beyond its room."
    if wave.in_vain:
        longer = "They stand in a queue that is longer than their patience"
        return f"{longer}; waits in the balancer and in a server add up. Whoever cannot be served in time is told so."
    if wave.told and wave.idle:
        return "A server is given less at once than it can work on, while people are sent away."
    if wave.served < at_least:
        return "Servers idled while people were sent away: let some wait, for as long as they would."
    return ""


KIND = Kind(surge, version=3, settings={"patience": 8.0, "each": 6})
