"""What each proposed change does to the traffic, measured on a twin: what a policy can know of it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autograder.labs.explain import read_findings
from autograder.labs.kinds.served import PATIENCE, only_some_late, unserved
from autograder.stack.balancing import config_digest
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from autograder.labs.kinds.reviews_changes import Change
    from autograder.stack.running import RunningStack
    from autograder.traffic.sample import Sample

POPULATIONS: Final = ("many", "office")
_REQUESTS: Final = 120
_KEPT: Final = 400


@dataclass(frozen=True)
class Facts:
    """What is known of a change.

    ``hottest`` and ``peak`` tell, for each population, which server has most of its fair share, and how many times it;
    ``shares`` its part of the answers. ``failed_percent`` (0 to 100) of the clients saw an error after a server died.
    ``mistakes`` are those of the catalogue that can be read in it. A config that does not load has nothing else.
    """

    loads: bool
    mistakes: tuple[str, ...] = ()
    hottest: Mapping[str, str] | None = None
    peak: Mapping[str, float] | None = None
    shares: Mapping[str, float] | None = None
    failed_percent: float = 0.0

    def in_words(self) -> str:
        """What the twin showed, in a few words."""
        if not self.loads or self.peak is None or self.hottest is None or self.shares is None:
            return "the balancer does not load it"
        clients = max(self.peak, key=lambda name: self.peak[name] if self.peak else 0.0)
        who = "one office" if clients == "office" else "many clients"
        words = f"{self.shares[clients]:.0%} of the requests of {who} reached {self.hottest[clients]}"
        if self.peak[clients] < 1.2:
            words = "every server got its fair share"
        died = (
            f"{self.failed_percent:.0f} % of the clients saw an error" if self.failed_percent else "no client noticed"
        )
        return f"{words}; when a server died, {died}"


_KNOWN: dict[tuple[str, str, str], Facts] = {}
"""Measured in this process: the lab's own changes do the same for every submission."""


def facts_of(running: RunningStack, change: Change) -> Facts:
    """Measure one change on ``running``, where it stays applied and all servers are up again."""
    key = (running.machines.engine, repr(running.stack), config_digest(change.files))
    if key not in _KNOWN:
        if len(_KNOWN) >= _KEPT:
            _KNOWN.clear()
        _KNOWN[key] = _measure(running, change)
    return _KNOWN[key]


def _measure(running: RunningStack, change: Change) -> Facts:
    mistakes = tuple(dict.fromkeys(found.mistake for found in read_findings(running.stack, change.files)))
    if not running.apply(change.files).ok:
        return Facts(loads=False, mistakes=mistakes)
    ask = functools.partial(_send, running)
    samples = {name: ask(name, _REQUESTS) for name in POPULATIONS}
    ratios = {name: _ratios(running, sample) for name, sample in samples.items()}
    hottest = {name: max(sorted(ratio), key=ratio.__getitem__) for name, ratio in ratios.items()}
    counts = samples["many"].counts()
    victim = max(sorted(counts), key=lambda server: counts[server])
    running.kill(victim)
    died = ask("many", _REQUESTS)
    running.bring_back()
    return Facts(
        loads=True,
        mistakes=mistakes,
        hottest=hottest,
        peak={name: round(ratios[name][hottest[name]], 2) for name in POPULATIONS},
        shares={name: samples[name].shares().get(hottest[name], 0.0) for name in POPULATIONS},
        failed_percent=round(100 * unserved(died) / died.requests, 1),
    )


def _send(running: RunningStack, clients: str, requests: int) -> Sample:
    crowd = population(clients)
    sample = send(running, crowd, crowd.browse(requests), concurrency=8, timeout=PATIENCE)
    if only_some_late(sample):  # this machine stalled
        sample = send(running, crowd, crowd.browse(requests), concurrency=8, timeout=PATIENCE)
    return sample


def _ratios(running: RunningStack, sample: Sample) -> dict[str, float]:
    shares = sample.shares()
    return {name: shares.get(name, 0.0) / fair for name, fair in running.stack.fair_shares().items()}
