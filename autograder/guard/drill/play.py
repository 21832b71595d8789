"""Playing a drill on a twin: users come, something breaks, and a runbook mends it.

>>> play(Plan("rollback", good, bad, None, runbook), say)        # doctest: +SKIP

The runbook's commands are run in the sandbox that learners' programs have, on the twin's balancer: they see its config
folder, their own files and the twin's network, and nothing of the machine that the drill runs on.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from autograder.errors import ManyHandsError
from autograder.guard.drill.backup import Backup, date, differences
from autograder.guard.drill.result import Drill, Kind, Outcome, StepDone, Targets
from autograder.guard.drill.runbook import WITHIN_S
from autograder.guard.drill.users import SLICE_S, Users, visitors
from autograder.guard.drill.window import Before, Slice, Stretch, seen_before
from autograder.judge.rollback import lost_in
from autograder.stack.balancing import config_only
from autograder.stack.engine import EngineError, NodeDownError
from autograder.stack.programs import Limits, Program
from autograder.stack.twin.plan import NODE
from autograder.stack.twin.twin import open_twin
from autograder.stack.warden.work import WORK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from autograder.guard.drill.runbook import Runbook, Step
    from autograder.inspect.config import Config
    from autograder.stack.programs import ProgramResult
    from autograder.stack.twin.twin import Twin
    from autograder.traffic.sample import Sample

_BEFORE: Final = 300
"""Requests that tell how it was before; more where there are many servers, up to three times as many."""
_FOR_EACH_SERVER: Final = 60
_WARMING: Final = 12
"""Slices that a balancer may take, once started, until it serves as it will."""
_MUST_SERVE: Final = 0.98
_SHOWS: Final = 80
"""Slices after which a break that does not show is taken for none."""
_TAIL: Final = 400
_ROOM: Final = Limits(processes=128, disk_mb=64, file_mb=32, files=6_000)
_HISTORY: Final = """
set -e
cd "$1"
[ -d .git ] || git init --quiet --initial-branch=main .
git add --all --force
git commit --quiet --message "$2"
git rev-parse HEAD
"""


class NotPlayedError(ManyHandsError):
    """A drill that says nothing: there is nothing to break, or nothing to mend."""


@dataclass(frozen=True)
class Plan:
    """What is to be drilled.

    ``good`` is the config that users are served by; ``bad`` is for a rollback, ``backup`` for a restore. ``rate`` is
    users' requests a second; ``programs`` are a user's own balancers. ``patience`` is how many slices of traffic
    (half a second each) a service may take to be well after the runbook's end.
    """

    kind: Kind
    good: Config
    bad: Config | None
    backup: Backup | None
    runbook: Runbook
    targets: Targets = field(default_factory=Targets)
    rate: float = 80.0
    engine: str = "local"
    programs: Mapping[str, Path] | None = None
    patience: int = 80


def play(plan: Plan, say: Callable[[str], None]) -> Drill:
    """Play it; ``say`` hears what happens. Raises :class:`NotPlayedError` where it would say nothing."""
    say("a twin of the config starts")
    good = plan.good
    with open_twin(good.files, good.main, good.proxy, plan.engine, programs=plan.programs) as twin:
        if not twin.applied.ok:
            raise NotPlayedError(
                f"{good.proxy} does not take the config", where=good.name, why="; ".join(map(str, twin.applied.faults))
            )
        return _Player(plan, twin, say).play()


class _Player:
    def __init__(self, plan: Plan, twin: Twin, say: Callable[[str], None]) -> None:
        self.plan, self.twin, self.say = plan, twin, say
        self.running = twin.running
        self.balancer = twin.running.balancer()
        self.folder = twin.plan.home
        self.wanted = self.balancer.on_disk()
        self.environment = {
            "DRILL_FOLDER": self.folder,
            # Its files belong to another user than the runbook's commands run as.
            **{"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"},
        }
        self.broke = 0.0
        """When it was broken, as a monotonic clock says."""
        self.followed = 0.0
        """Up to where the users' slices were looked at."""
        saved = {} if plan.backup is None else {f"backup/{path}": data for path, data in plan.backup.files.items()}
        self.work = {**plan.runbook.files, **saved}

    def play(self) -> Drill:
        """The whole drill."""
        if self.plan.kind == "rollback":
            self._check_bad()
            self.environment["DRILL_GOOD"] = self._commit("the last known good version")
        people, door = visitors(self.twin, self.plan.good.main, self.plan.good.proxy)
        with Users(self.twin, people, door, self.plan.rate) as users:
            before = self._before(users)
            self.say("users are served; now it breaks")
            broken = self._break()
            stretch = Stretch(before)
            noticed_s = self._noticed(users, stretch, broken)
            noticed = self._called(stretch.trouble)
            self.say(f"it shows: {noticed}")
            steps = self._follow_runbook()
            self.say("the runbook is at its end; is all well?")
            self._recovered(users, stretch)
            still = self._called(stretch.trouble) if stretch.since is None else ""
        return self._result(users.all(), steps, (noticed, noticed_s), stretch.since, still)

    def _called(self, words: str) -> str:
        """Words about stand-ins, with the names that the config has for them."""
        for node, label in sorted(self.twin.labels.items(), key=lambda pair: -len(pair[0])):
            words = words.replace(node, label)
        return words

    def _before(self, users: Users) -> Before:
        """How users are served while all is well. Raises :class:`NotPlayedError` if they are not."""
        samples: list[Sample] = []
        wanted = min(3 * _BEFORE, max(_BEFORE, _FOR_EACH_SERVER * len(self.running.stack.servers)))
        seen = 0

        def enough(one: Slice) -> bool:
            nonlocal seen
            seen += 1
            if lost_in(one.sample) and seen < _WARMING:
                samples.clear()  # a balancer that has only just started may not know its servers yet
            elif one.sample.requests:
                samples.append(one.sample)
                if lost_in(one.sample) == one.sample.requests:
                    return True
            return sum(sample.requests for sample in samples) >= wanted or seen > 8 * _WARMING

        users.follow(0.0, enough)
        if not samples:
            raise NotPlayedError("users cannot be sent", why="this machine is too busy")
        before = seen_before(samples)
        served = sum(sample.requests for sample in samples) - before.failures.failed
        if not before.share or served < _MUST_SERVE * before.failures.requests:
            raise NotPlayedError(
                f"users are not served by this config: {before.failures.failed} of {before.failures.requests} "
                "requests fail before anything breaks",
                where=self.plan.good.name,
                remedy=f"./manyhands inspect {self.plan.good.name} tells what becomes of traffic",
            )
        return before

    def _check_bad(self) -> None:
        assert self.plan.bad is not None
        if faults := self.running.check(self._bad_files()):
            raise NotPlayedError(
                f"{self.plan.good.proxy} does not take the bad version, so it would never meet a user",
                where=self.plan.bad.name,
                why=str(faults[0]),
                remedy="drill with a version that can be loaded, and is bad for users",
            )

    def _bad_files(self) -> dict[str, bytes]:
        assert self.plan.bad is not None
        brought = {name: data for name, data in self.wanted.items() if name not in self.twin.files}
        return {**brought, **self.plan.bad.files}

    def _commit(self, message: str) -> str:
        """Make what lies in the config folder a commit there; its name."""
        result = self._run(("sh", "-c", _HISTORY, "sh", self.folder, message), needs=("git",))
        if not result.ok:
            raise EngineError("the config's history could not be made", why=f"{result.in_words()} {result.err[-300:]}")
        return result.out.strip()

    def _run(self, argv: tuple[str, ...], needs: tuple[str, ...] = (), within_s: float = WITHIN_S) -> ProgramResult:
        return self.running.run_program(
            Program(
                argv,
                files=self.work,
                writable=(self.folder,),
                limits=replace(_ROOM, wall_s=within_s, cpu_s=within_s),
                environment=self.environment,
                needs=needs,
            )
        )

    def _break(self) -> float:
        """Break it; when it was broken, as a monotonic clock says."""
        machines = self.running.machines
        if self.plan.kind == "rollback":
            git = {name: data for name, data in self.balancer.on_disk().items() if name.startswith(".git/")}
            machines.put(NODE, self.folder, {**self._bad_files(), **git})
            self.environment["DRILL_BAD"] = self._commit("a change that is bad for users")
            self.broke = time.monotonic()
            loaded = self.balancer.reload_in_place(lambda: not self.balancer.proxy.reload(machines, NODE))
            if not loaded and self.balancer.running_differs_from_disk():
                raise NotPlayedError(f"{self.plan.good.proxy} did not load the bad version")
        else:
            self.environment["DRILL_BACKUP"] = f"{WORK}/backup"
            self.balancer.operated()
            self.broke = time.monotonic()
            machines.kill(NODE)
            machines.put(NODE, self.folder, self._put_back())
        return time.monotonic()

    def _put_back(self) -> dict[str, bytes]:
        """What the config's folder never held, and the twin made for it: where those come from, no backup knows."""
        assert self.plan.backup is not None
        own = {path.rpartition("/")[2] for path in self.plan.backup.files}
        made = {name: data for name, data in self.wanted.items() if name not in self.twin.files}
        return {name: data for name, data in made.items() if name.rpartition("/")[2] not in own}

    def _noticed(self, users: Users, stretch: Stretch, broken: float) -> float:
        """Wait until the break shows in the traffic; seconds after the break."""
        at = 0.0

        def shows(one: Slice) -> bool:
            nonlocal at
            stretch.add(one)
            at = one.start
            return bool(stretch.trouble) or stretch.since is not None or stretch.slices >= _SHOWS

        users.follow(broken, shows)
        if not stretch.trouble:
            raise NotPlayedError(
                "users are served as before, so there is nothing to roll back from",
                where=self.plan.bad.name if self.plan.bad else "",
                remedy="drill with a version that does harm; ./manyhands review GOOD BAD tells what it does",
            )
        self.followed = at + SLICE_S / 4
        return max(0.0, at + SLICE_S - self.broke)

    def _follow_runbook(self) -> tuple[StepDone, ...]:
        done: list[StepDone] = []
        broken_off = False
        for number, step in enumerate(self.plan.runbook.steps, 1):
            began = time.monotonic() - self.broke
            if broken_off:
                done.append(StepDone(step.name, "not-reached", began, 0.0))
            elif step.takes_s:
                done.append(StepDone(step.name, "by-a-person", began, step.takes_s))
            else:
                self.say(f"step {number} of {len(self.plan.runbook.steps)}: {step.name}")
                done.append(self._step(step, began))
                broken_off = not done[-1].fine
        return tuple(done)

    def _step(self, step: Step, began: float) -> StepDone:
        result = self._run((step.shell, "-e", "-c", step.run, step.name), within_s=step.within_s)
        kept = {name: data for name, data in self.work.items() if name not in result.removed}
        self.work = {**kept, **result.files}  # the next step finds what this one left in its folder
        outcome: Outcome = "done" if result.ok else "too-long" if result.ended_by in ("wall", "cpu") else "failed"
        last = (result.err.strip() or result.out.strip())[-_TAIL:]
        if result.ended_by not in ("itself", "wall", "cpu"):
            last = f"{result.in_words()} {last}"
        seconds = time.monotonic() - self.broke - began
        return StepDone(step.name, outcome, began, seconds, result.exit_code, last, step.may_fail)

    def _recovered(self, users: Users, stretch: Stretch) -> None:
        """Wait until all is well after the runbook's end, or until it is plain that it is not."""
        ended = time.monotonic()
        after = 0

        def well(one: Slice) -> bool:
            nonlocal after
            stretch.add(one)
            after += one.start >= ended
            return bool(after) and (stretch.since is not None or after >= self.plan.patience)

        users.follow(self.followed, well)

    def _result(
        self,
        slices: tuple[Slice, ...],
        steps: tuple[StepDone, ...],
        noticed: tuple[str, float],
        since: float | None,
        still: str,
    ) -> Drill:
        plan = self.plan
        machine_s = None if since is None else max(0.0, since - self.broke)
        on_disk = self._on_disk()
        met = [one for one in slices if one.start + SLICE_S > self.broke]
        missing = differences(config_only(self.wanted), on_disk)
        rollback = plan.kind == "rollback"
        saved = None if plan.backup is None else plan.backup.saved(on_disk)
        return Drill(
            kind=plan.kind,
            config=plan.good.name,
            proxy=plan.good.proxy,
            runbook=plan.runbook.name,
            steps=steps,
            noticed=noticed[0],
            noticed_s=noticed[1],
            machine_s=machine_s,
            people_s=sum(
                step.seconds
                for step in steps
                if step.outcome == "by-a-person" and (machine_s is None or step.began_s <= machine_s)
            ),
            requests=sum(one.sample.requests for one in met),
            requests_lost=sum(one.sample.failed for one in met),
            still=still or ("too little was seen" if since is None else ""),
            differs=(*self._not_running_that(), *(f"On disk {one}" for one in missing if rollback)),
            lost=() if rollback else missing,
            saved="" if saved is None else date(saved),
            age_s=None if saved is None else max(0.0, time.time() - saved),
            targets=plan.targets,
            rate=plan.rate,
            slice_s=SLICE_S,
            notes=self._notes(),
        )

    def _on_disk(self) -> Mapping[str, bytes]:
        return config_only(self.balancer.on_disk())

    def _not_running_that(self) -> tuple[str, ...]:
        """What runs is not what lies on disk: the next reload, or the next start, will bring something else."""
        with contextlib.suppress(NodeDownError):
            if self.running.machines.state(NODE).up:
                other = "What runs is not what lies on disk: the next reload will bring another config"
                return (other,) if self.balancer.running_differs_from_disk() else ()
        return (f"{self.plan.good.proxy} is not running",)

    def _notes(self) -> tuple[str, ...]:
        said = [f"{one.what}: {one.consequence}" for one in self.twin.unmet]
        if self.plan.kind == "restore" and (kept := sorted(self._put_back())):
            said.append(f"not drilled: {', '.join(kept[:5])} was there again, because the config folder never held it")
        return tuple(said)
