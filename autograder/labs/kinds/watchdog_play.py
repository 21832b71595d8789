"""A watchdog beside a balancer, while things happen: changes that are bad, changes that are meant, and noise.

The clock is made of requests: a round of traffic, then the watchdog is given the time to look twice, then the next
round. So a slow machine makes nobody late.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from autograder.judge.rollback import met
from autograder.judge.spread import judge_spread
from autograder.labs.programs import Asked, program_of
from autograder.stack.balancing import config_only
from autograder.stack.conduct import Conduct
from autograder.stack.engine import EngineError
from autograder.stack.procfs import wait_until
from autograder.stack.programs import Limits, Program
from autograder.stack.proxies.haproxy import HAProxy
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.judge.spread import SpreadVerdict
    from autograder.labs.kinds.kind import Question
    from autograder.stack.programs import Act, ProgramResult
    from autograder.stack.running import RunningStack
    from autograder.stack.running_program import RunningProgram
    from autograder.traffic.sample import Sample

PROGRAM: Final = "watchdog.py"
AUDIT: Final = "audit.jsonl"
SHOP: Final = "/srv/shop"
PINNED: Final = "pinned"
ERRORS: Final = "errors"
CANARY: Final = "canary"
MAINTENANCE: Final = "maintenance"
NOISE: Final = "noise"
HOPELESS: Final = "hopeless"
SCENES: Final = (PINNED, ERRORS, CANARY, MAINTENANCE, NOISE, HOPELESS)
ROUND: Final = 80
"""Requests of one round."""
_WARM: Final = 2
"""Rounds before anything happens."""
_ROUNDS: Final = 7
"""Rounds after it."""
_LOOKS: Final = 2
"""How often the watchdog may ask HAProxy before the next round comes."""
_READY_S: Final = 20.0
_LOOKS_S: Final = 20.0
_UNSEEN_S: Final = 2.0
"""Seconds after each round for one that never asks HAProxy, and looks in some other way."""
_PATIENCE_S: Final = 20.0
_LIMITS: Final = Limits(wall_s=240, cpu_s=40)
_RELOADS: Final = ("HUP", "USR2")
_AT_FIRST: Final = 2
"""Releases before anything happens."""
_PUBLISH: Final = 'for name; do cp "/given/$name" /srv/shop/.new && mv /srv/shop/.new "/srv/shop/$name"; done'


@dataclass(frozen=True)
class Watched:
    """What was seen of a watchdog in one scene.

    ``reloads`` counts how often it made HAProxy load a config, ``asked_after`` the requests between what happened and
    the first of them (None if there was none). ``restored`` tells that the release before the last one lies on disk and
    is what the workers run; ``lost`` counts requests without a page since it happened. ``audit`` are the objects of its
    log, None for a line that is none.
    """

    told: str
    reloads: int
    restarted: bool
    asked_after: int | None
    restored: bool
    untouched: bool
    lost: int
    sent: int
    last: Sample
    spread: SpreadVerdict
    result: ProgramResult
    ended_early: bool
    audit: tuple[Mapping[str, Any] | None, ...]


def play(question: Question, scene: str) -> Watched:
    """Play one scene on a stack that nobody has touched. Raises :class:`EngineError` only when *we* failed."""
    lab, running = question.lab, question.running
    assert lab is not None
    good = lab.read(lab.reference)[f"conf/{running.stack.balancer.config}"].decode()
    canary = question.check.settings["canary"] or running.stack.servers[-1].name
    player = _Player(running, good, random.Random(f"{question.seed} {scene}"), question.seed, canary)
    player.prepare()
    program = program_of(
        Asked(PROGRAM, writable=(HAProxy.folder,), limits=_LIMITS, needs=("python3",)),
        question.files,
    )
    assert program is not None  # the examiner does not ask about files that are missing
    with running.start_program(program) as watchdog:
        wait_until(lambda: bool(_looks(watchdog)) or watchdog.poll() is not None, _READY_S)
        return player.watch(watchdog, scene)


def _looks(watchdog: RunningProgram) -> list[Act]:
    return [act for act in watchdog.acts() if act.kind == "runtime"]


def _loads(acts: tuple[Act, ...]) -> list[Act]:
    return [
        act
        for act in acts
        if (act.kind == "master" and "reload" in act.word)
        or (act.kind == "signal" and act.word in _RELOADS)
        or (act.kind == "service" and act.word.split()[0] in ("reload", "restart", "start"))
    ]


@dataclass
class _Player:
    running: RunningStack
    good: str
    dice: random.Random
    seed: int
    canary: str
    """The server that is to have another share, where a scene has one."""
    intent: dict[str, Any] = field(default_factory=lambda: {"shares": {}, "maintenance": []})
    releases: list[str] = field(default_factory=list)
    hiccup: str = ""
    """The server that answers with errors for one round."""

    @property
    def main(self) -> str:
        """The config's file."""
        return self.running.stack.balancer.config

    def prepare(self) -> None:
        """Two releases, of which the second runs."""
        self.releases = [self.good.replace("maxconn 2000", "maxconn 1500"), self.good]
        self._publish()
        self._load(self.good)

    def _publish(self) -> None:
        files = {f"releases/{number:04}.cfg": text.encode() for number, text in enumerate(self.releases, 1)}
        files["intent.json"] = json.dumps(self.intent).encode()
        if len(self.releases) == _AT_FIRST:
            self.running.machines.put(self.running.stack.balancer.name, SHOP, files)
            return
        # The watchdog reads meanwhile: each file is whole at every moment.
        result = self.running.run_program(
            Program(("sh", "-c", _PUBLISH, "sh", *files), read_only=files, writable=(SHOP,), needs=("mv",))
        )
        if not result.ok:
            raise EngineError("a release could not be published", why=f"{result.in_words()} {result.err[-500:]}")

    def _load(self, text: str) -> None:
        applied = self.running.apply({self.main: text.encode()})
        if not applied.ok:
            raise EngineError(f"the lab's own config does not hold: {applied.faults[0]}")

    def _deploy(self, text: str) -> None:
        self.releases.append(text)
        self._publish()
        self._load(text)

    def watch(self, watchdog: RunningProgram, scene: str) -> Watched:
        """Rounds of traffic: some quiet ones, then what happens in the scene, then some more."""
        running = self.running
        for number in range(_WARM):
            self._round(watchdog, number)
        early = len(_loads(watchdog.acts()))
        told = getattr(self, f"_{scene}")()
        starts = running.machines.state(running.stack.balancer.name).starts
        samples: list[Sample] = []
        asked_after = 0 if early else None
        for number in range(_ROUNDS):
            samples.append(self._round(watchdog, _WARM + number))
            self._meanwhile(scene, number)
            if asked_after is None and len(_loads(watchdog.acts())) > early:
                asked_after = sum(sample.requests for sample in samples)
        ended_early = watchdog.poll() is not None
        result = watchdog.stop()
        last = self._send(_WARM + _ROUNDS, 2 * ROUND)
        balancer = running.balancer()
        on_disk = config_only(balancer.on_disk()).get(self.main, b"").decode(errors="replace")
        state = running.machines.state(balancer.balancer.name)
        runs = state.up and not balancer.running_differs_from_disk()
        return Watched(
            told=told,
            reloads=len(_loads(result.acts)),
            restarted=state.starts != starts,
            asked_after=asked_after,
            restored=runs and len(self.releases) > 1 and _same(on_disk, self.releases[-2]),
            untouched=runs and _same(on_disk, self.releases[-1]),
            lost=met(samples).failed,
            sent=sum(sample.requests for sample in samples),
            last=last,
            spread=judge_spread(last, running.stack.fair_shares(), unit="request"),
            result=result,
            ended_early=ended_early,
            audit=_audit(result),
        )

    def _round(self, watchdog: RunningProgram, number: int) -> Sample:
        sample = self._send(number, ROUND)
        # What it saw while they were sent was a part of them.
        before, loaded = len(_looks(watchdog)), len(_loads(watchdog.acts()))

        def looked() -> bool:
            acts = watchdog.acts()
            over = watchdog.poll() is not None
            return over or len(_looks(watchdog)) >= before + _LOOKS or len(_loads(acts)) > loaded

        wait_until(looked, _LOOKS_S if before else _UNSEEN_S)
        return sample

    def _send(self, number: int, requests: int) -> Sample:
        people = population("many")
        plan = people.browse(requests, seed=self.seed + number)
        return send(self.running, people, plan, concurrency=8, timeout=_PATIENCE_S)

    def _servers(self) -> list[str]:
        return [server.name for server in self.running.stack.servers]

    def _line(self, name: str) -> str:
        """How the lab's good config begins a server's line."""
        server = next(one for one in self.running.stack.servers if one.name == name)
        return f"server {name} {name}:{server.port} check"

    def _drawn(self, *choices: str) -> str:
        """The first as a learner sees it, any when it is graded."""
        return self.dice.choice(choices) if self.seed else choices[0]

    def _pinned(self) -> str:
        first = self._line(self._servers()[0])
        way = self._drawn("hash", "first", "weight")
        if way == "weight":
            self._deploy(self.good.replace(first, f"{first} weight 250"))
        else:
            other = "balance hdr(host)" if way == "hash" else "balance first"
            self._deploy(self.good.replace("balance roundrobin", other))
        return "A change sends nearly everything to one server"

    def _errors(self) -> str:
        if self._drawn("hurry", "port") == "port":
            port = self.running.stack.servers[0].port
            self._deploy(self.good.replace(f":{port} check", f":{port + 1}"))
        else:
            self._deploy(self.good.replace("timeout server 30s", "timeout server 1ms"))
        return "A change makes every page an error"

    def _canary(self) -> str:
        others = len(self._servers()) - 1
        weight = int(self._drawn("4", "250"))
        text = self.good
        for name in self._servers():
            line = self._line(name)
            text = text.replace(line, f"{line} weight {weight if name == self.canary else 40}")
        share = round(weight / (weight + 40 * others), 3)
        self.intent = {"shares": {self.canary: share}, "maintenance": []}
        self._deploy(text)
        return f"{self.canary} is to get {share:.0%} of the requests, and does"

    def _maintenance(self) -> str:
        name = self._drawn(*self._servers()[1:])
        self.intent = {"shares": {}, "maintenance": [name]}
        self._deploy(self.good.replace("maxconn 2000", "maxconn 2500"))
        HAProxy().ask(self.running.machines, self.running.stack.balancer.name, f"set server shop/{name} state maint")
        return f"A good change, and {name} is in maintenance, as was said"

    def _noise(self) -> str:
        self.hiccup = self._drawn(*self._servers()[1:])
        self._deploy(self.good.replace("maxconn 2000", "maxconn 2500"))
        return f"A good change, and later {self.hiccup} answers with errors for one round"

    def _hopeless(self) -> str:
        self._deploy(self.good.replace("maxconn 2000", "maxconn 2500"))
        for name in self._servers():
            self.running.afflict(name, Conduct(failing=True))
        return "With a change every server begins to fail, and going back does not help"

    def _meanwhile(self, scene: str, number: int) -> None:
        if scene == NOISE and number == 1:
            self.running.afflict(self.hiccup, Conduct(failing=True))
        if scene == NOISE and number == 2:
            self.running.heal(self.hiccup)


def _same(text: str, other: str) -> bool:
    return [line.split() for line in text.splitlines() if line.strip()] == [
        line.split() for line in other.splitlines() if line.strip()
    ]


def _audit(result: ProgramResult) -> tuple[Mapping[str, Any] | None, ...]:
    rows: list[Mapping[str, Any] | None] = []
    for line in result.files.get(AUDIT, b"").decode(errors="replace").splitlines()[:500]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        rows.append(row if isinstance(row, dict) else None)
    return tuple(rows)
