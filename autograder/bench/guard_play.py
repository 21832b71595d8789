"""One change played to the guard's own core: a real balancer, real servers, 200 requests a second, a git repository."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.bench.guard_apart import guarded_apart
from autograder.errors import ManyHandsError
from autograder.guard.balancers.stack import StackBalancer
from autograder.guard.guardian import Guard
from autograder.guard.settings import Git, Look, Settings, Watch
from autograder.guard.state import Step
from autograder.judge.spread import Spread, judge_spread
from autograder.stack.model import Balancer, Door, Server, Stack
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.flow import Flow
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autograder.bench.guard_apart import Blow
    from autograder.bench.guard_cases import Change
    from autograder.guard.guardian import Outcome
    from autograder.stack.running import RunningStack
    from autograder.traffic.sample import Sample

RATE = 200.0
"""Requests a second."""
WATCH = Watch(before_s=2.0, canary_s=2.0, window_s=4.0, recover_s=6.0, every_s=0.2)
"""Short: what takes a watch of minutes in production is decided by as many requests here."""
SERVERS = tuple(Server(f"app{n}", workers=16, service_ms=20.0, page_ms=2.0, queue=400) for n in range(1, 5))
_SLICE_REQUESTS = 20
_AFTERWARDS = 300


class Killed(BaseException):
    """The guard ends here and now, as by kill -9: what is on disk is all that is left of it."""


@dataclass(frozen=True)
class Played:
    """What became of a change.

    ``outcome`` is the guard's word (:class:`~autograder.guard.guardian.Outcome`). ``restore_s`` are the seconds from
    when the change ran until the good version ran again. ``well`` says that afterwards the right config ran,
    traffic was spread and nothing failed; ``stuck`` that the guard was left unable to go on. ``lost`` are requests
    that failed while the guard worked at a benign change, of ``requests``. ``killed`` is where it was killed, and
    ``balancers`` how many got the change.
    """

    number: int
    proxy: str
    kind: str
    bad: bool
    outcome: str
    why: str = ""
    restore_s: float = 0.0
    requests: int = 0
    lost: int = 0
    lost_how: Mapping[str, int] = field(default_factory=dict)
    well: bool = False
    stuck: str = ""
    killed: str = ""
    balancers: int = 1

    @property
    def right(self) -> bool:
        """Whether it is what it should be: bad ones are out, and benign ones in."""
        return self.outcome in (("reverted", "refused") if self.bad else ("kept",))


class _Heard:
    """What clients saw, all of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests, self.failures = 0, dict[str, int]()

    def hear(self, sample: Sample | Exception) -> None:
        if isinstance(sample, Exception):
            return
        with self._lock:
            self.requests += sample.requests
            for how, count in sample.failures.items():
                self.failures[how] = self.failures.get(how, 0) + count


class _Clock:
    """When each step was first begun and last done; and the one at which the guard is killed, once."""

    def __init__(self, kill: tuple[Step, str] | None) -> None:
        self._kill = kill
        self.killed = ""
        self.begun: dict[Step, float] = {}
        self.done: dict[Step, float] = {}

    def step(self, step: Step, phase: str) -> None:
        if phase == "begun":
            self.begun.setdefault(step, time.monotonic())
        else:
            self.done[step] = time.monotonic()
        if self._kill == (step, phase):
            self._kill, self.killed = None, f"{step} {phase}"
            raise Killed

    @property
    def restored(self) -> float:
        """Seconds from when the change ran anywhere until the good version ran everywhere again."""
        ran = self.done.get(Step.CANARY) or self.done.get(Step.REST) or self.begun.get(Step.REST, 0.0)
        return round(self.done.get(Step.RESTORE, 0.0) - ran, 2)


def play(number: int, change: Change, kill: tuple[Step, str] | None = None, blows: Sequence[Blow] = ()) -> Played:
    """Let the guard take in one change, and look at what it did.

    ``kill`` is a step, and ``begun`` or ``done``: there the guard ends within this process, as if it had been killed.
    With ``blows`` it is a process of its own, which gets a real kill -9 at each of them that it comes by.
    """
    with tempfile.TemporaryDirectory(prefix="manyhands-campaign-") as scratch:
        names = ("balancer", "beside")[: change.balancers]
        stack = Stack("shop", tuple(Balancer(name, change.proxy) for name in names), SERVERS)
        repository = _Repository(Path(scratch) / "repository", stack.balancer.config)
        repository.commit(change.before, "What runs")
        settings = Settings(
            Path(scratch) / "guard.toml",
            Git(repository.path, stack.balancer.config),
            (),
            Path(scratch) / "state",
            watch=WATCH,
            inspect=Look(run=False),
        )
        with open_stack(stack) as running:
            balancers = [StackBalancer(running, name) for name in names]
            for balancer in balancers:
                balancer.load({stack.balancer.config: change.before.encode()}, ())
            return _guarded(number, change, kill, blows, running, balancers, settings, repository)


def _guarded(
    number: int,
    change: Change,
    kill: tuple[Step, str] | None,
    blows: Sequence[Blow],
    running: RunningStack,
    balancers: Sequence[StackBalancer],
    settings: Settings,
    repository: _Repository,
) -> Played:
    heard, clock = _Heard(), _Clock(kill)
    killed: tuple[Blow, ...] = ()
    with contextlib.ExitStack() as flows:
        for balancer in balancers:
            flows.enter_context(_users(running, balancer, heard, RATE / len(balancers), number))
        repository.commit(change.after, change.kind)
        if blows:
            outcome, killed = guarded_apart(settings, balancers, blows)
        else:
            outcome = _taken_in(settings, balancers, clock)
    kind = outcome.kind if outcome else "nothing"
    stuck = _stuck(settings, balancers, kind)
    good = {settings.git.config: (change.after if kind == "kept" else change.before).encode()}
    return Played(
        number,
        change.proxy,
        change.kind,
        change.bad,
        kind,
        outcome.said if outcome else "",
        clock.restored if kind == "reverted" and not blows else 0.0,
        heard.requests,
        0 if change.bad else sum(heard.failures.values()),
        {} if change.bad else heard.failures,
        all(_well(running, balancer, good) for balancer in balancers),
        stuck,
        ", ".join(str(one) for one in killed) or clock.killed,
        len(balancers),
    )


def _users(running: RunningStack, balancer: StackBalancer, heard: _Heard, rate: float, seed: int) -> Flow:
    def hear(start: float, sample: Sample | Exception) -> None:
        balancer.tally.hear(start, sample)
        heard.hear(sample)

    people, door = population("many"), _door(running, balancer)
    return Flow(running, people, rate, slice_s=_SLICE_REQUESTS / rate, hear=hear, seed=seed, door=door)


def _door(running: RunningStack, balancer: StackBalancer) -> Door:
    return Door(running.machines.address(balancer.name), 80)


def _taken_in(settings: Settings, balancers: Sequence[StackBalancer], clock: _Clock) -> Outcome | None:
    try:
        with Guard(settings, balancers, on_step=clock.step) as guard:
            return guard.apply("main")
    except Killed:
        with Guard(settings, balancers, on_step=clock.step) as guard:
            return guard.resume()


def _stuck(settings: Settings, balancers: Sequence[StackBalancer], kind: str) -> str:
    """Why the guard cannot go on, if it cannot: a person acknowledges, and the branch is applied again."""
    try:
        with Guard(settings, balancers) as guard:
            if faults := guard.desk.audit.verify():
                return f"its log does not hold: {faults[0]}"
            if kind in ("reverted", "good-is-bad", "not-restored"):
                guard.acknowledge("campaign")
            if kind == "held":
                return "" if guard.desk.state.frozen else "held, and not frozen"
            again = guard.apply("main") if kind in ("kept", "reverted") else None
            return f"then it was {again.kind}" if again and again.kind != "same" else ""
    except ManyHandsError as error:
        return str(error)


def _well(running: RunningStack, balancer: StackBalancer, files: Mapping[str, bytes]) -> bool:
    people = population("many")
    sample = send(running, people, people.browse(_AFTERWARDS), door=_door(running, balancer))
    expected = balancer.expected(files)
    whole = sum(one.weight for one in expected)
    fair = {one.name: one.weight / whole for one in expected}
    spread = judge_spread(sample, fair, unit="request").spread if len(fair) > 1 else Spread.EVEN
    return balancer.runs(files) and not sample.failed and spread not in (Spread.CONCENTRATED, Spread.BROKEN)


class _Repository:
    """A git repository with one config in it."""

    def __init__(self, path: Path, config: str) -> None:
        self.path, self._config = path, config
        path.mkdir()
        self._git("init", "-q", "-b", "main")

    def commit(self, text: str, message: str) -> None:
        (self.path / self._config).write_text(text, encoding="utf-8")
        self._git("add", "--", self._config)
        self._git("commit", "-q", "-m", message)

    def _git(self, *words: str) -> None:
        who = {f"GIT_{one}_{what}": "campaign" for one in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        subprocess.run(("git", "-C", str(self.path), *words), check=True, capture_output=True, env=environment)
