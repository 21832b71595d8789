"""A change that is really made: HAProxy loads it, every server counts what it answers, and rules are played that.

The clock is the story's, not this machine's: so many requests before the change and so many after it, and what each
server had of them is what the recording goes on with, 30 seconds a look. So an alert with ``for: 2m`` costs no two
minutes, and a busy machine makes nobody late.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Final

from autograder.labs.kinds.alerts_scenes import Scene, counted
from autograder.labs.kinds.served import PATIENCE, unserved
from autograder.stack.engine import EngineError
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.labs.kinds.kind import Question

_CONFIG: Final = "haproxy.cfg"
_HEAVY, _LIGHT = 39, 5
"""Weights of the change: with four servers one gets 39 of 54 requests, a little more than it can bear."""
_ROUNDS: Final = 14
"""Requests for each server before the change."""


def live(question: Question) -> Scene:
    """Make the change on ``question.running``, which nobody has touched, and count.

    Raises :class:`EngineError` only when *we* failed: the config is the lab's own, and so is the change.
    """
    lab, names = question.lab, tuple(server.name for server in question.running.stack.servers)
    assert lab is not None  # the examiner gives it
    good = lab.read(lab.reference)[f"conf/{_CONFIG}"].decode()
    whose = random.Random(f"{question.seed} live").choice(names) if question.seed else names[0]
    before = _counted(question, good, _ROUNDS * len(names))
    after = _counted(question, changed(good, whose), _HEAVY + _LIGHT * (len(names) - 1))
    return counted(names, [before[name] for name in names], [after[name] for name in names], question.seed)


def changed(config: str, whose: str) -> str:
    """The config with weights that give ``whose`` most of the requests."""

    def weighted(found: re.Match[str]) -> str:
        return f"{found[0]} weight {_HEAVY if found[1] == whose else _LIGHT}"

    return re.sub(r"^ *server (\S+) \S+ check", weighted, config, flags=re.MULTILINE)


def _counted(question: Question, config: str, requests: int) -> Mapping[str, int]:
    """Load a config and send so many requests: how many each server answered."""
    running = question.running
    applied = running.apply({_CONFIG: config.encode()})
    if not applied.ok:
        raise EngineError(f"the lab's own config does not hold: {applied.faults[0]}")
    crowd = population("many")
    sample = send(running, crowd, crowd.browse(requests, seed=question.seed), concurrency=16, timeout=PATIENCE)
    if unserved(sample):
        raise EngineError(f"{unserved(sample)} of {requests} requests were not served, and nothing was wrong")
    return sample.counts()
