"""Playing a rollback: a pair of HAProxy balancers with their config in git, users who keep coming, and a script.

The script is a stranger's. It runs only in the twin's sandbox, on the machine of the balancer that it is to mend.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autograder.judge.rollback import met
from autograder.judge.spread import SpreadVerdict, judge_spread
from autograder.labs.kinds.rollback_world import OUTAGE, World, draw, read_history
from autograder.labs.kinds.users import QUIET, users_coming, visit
from autograder.labs.programs import Asked, run_asked
from autograder.stack.balancing import config_only
from autograder.stack.engine import EngineError, NodeDownError
from autograder.stack.model import Door
from autograder.stack.programs import Limits, Program
from autograder.stack.proxies.haproxy import HAProxy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.judge.rollback import Failures
    from autograder.labs.kinds.kind import Question
    from autograder.stack.programs import ProgramResult
    from autograder.stack.proxies.proxy import ServerNow
    from autograder.stack.running import RunningStack
    from autograder.traffic.sample import Sample

SCRIPT: Final = "rollback.sh"
CONFIG: Final = "/etc/haproxy"
STATE_FOLDER: Final = "/var/lib/haproxy"
STATE_FILE: Final = "servers.state"
LIMITS: Final = Limits(wall_s=90, cpu_s=20)
_LOOK: Final = 200
_MAKE: Final = """
set -e
cd /etc/haproxy
git init --quiet --initial-branch=main .
git fast-import --quiet < /given/history
git reset --quiet --hard
git log --format=%H --reverse
"""
_BY_HAND: Final = """
set -e
cd /etc/haproxy
git revert --no-edit "$1" >/dev/null
"""
_AT_1050: Final = {"GIT_AUTHOR_DATE": "1677667800 +0000", "GIT_COMMITTER_DATE": "1677667800 +0000"}


@dataclass(frozen=True)
class Look:
    """A balancer's machine as it is found: files of its config folder, what runs, and servers as HAProxy sees them.

    ``differs`` tells that the workers carry another config than what lies on disk. ``git`` are the files of ``.git``.
    """

    files: Mapping[str, bytes]
    git: Mapping[str, bytes]
    differs: bool
    pid: int | None
    starts: int
    servers: tuple[ServerNow, ...]
    saved: str
    """The saved state of servers that the next reload will find; empty if there is none."""


@dataclass(frozen=True)
class Turn:
    """One run of the script on one balancer: how it ended, and what was there before and after.

    ``quiet`` are the users' requests just before it, ``meanwhile`` those beside it. ``arriving`` came after it.
    """

    balancer: str
    result: ProgramResult
    before: Look
    after: Look
    quiet: Failures
    meanwhile: Failures
    arriving: Sample
    spread: SpreadVerdict


@dataclass(frozen=True)
class Scene:
    """What was seen in one scene. ``reloaded`` are the servers after one more reload that the examiner asked for."""

    world: World
    names: tuple[str, ...]
    """Names of the commits, the first one first."""
    turns: tuple[Turn, ...]
    holds: bool
    """Whether what lay on the first balancer's disk after its first turn is a config that HAProxy takes."""
    reloaded: tuple[ServerNow, ...] = ()

    @property
    def named(self) -> str:
        """The name of the commit that is to be undone."""
        return self.names[self.world.named]


def play(question: Question, scene: str) -> Scene:
    """Play one scene on a stack that nobody has touched. Raises :class:`EngineError` only when *we* failed."""
    running, lab = question.running, question.lab
    assert lab is not None
    servers = [server.name for server in running.stack.servers]
    written = lab.rewriting.text((lab.folder / "history.toml").read_text(encoding="utf-8"))
    world = draw(read_history(written, servers), scene, question.seed)
    beside = {path.name: path.read_bytes() for path in sorted((lab.folder / "beside").glob("*"))}
    player = _Player(running, world, question.files, beside)
    first, second = (balancer.name for balancer in running.stack.balancers)
    names = player.make(first)
    if scene == OUTAGE:
        player.make(second)
        for balancer in (first, second):
            player.meddle(balancer)
        # Somebody was here already, and was called away before the reload.
        player.run(second, _BY_HAND, names[world.named])
    if world.dead:
        running.kill(world.dead)
    turns = [player.turn(first, names[world.named])]
    reloaded: tuple[ServerNow, ...] = ()
    if scene == OUTAGE:
        turns += [player.turn(second, names[world.named]), player.turn(first, names[world.named])]
        reloaded = player.reloaded(first)
    holds = not running.check(turns[0].after.files, first)
    return Scene(world, names, tuple(turns), holds, reloaded)


@dataclass(frozen=True)
class _Player:
    running: RunningStack
    world: World
    files: Mapping[str, bytes]
    beside: Mapping[str, bytes]

    def make(self, balancer: str) -> tuple[str, ...]:
        """Give a balancer its history and start it with the last version; the names of the commits."""
        self.running.machines.put(balancer, CONFIG, {})
        told = self.run(balancer, _MAKE)
        applied = self.running.apply(self.running.balancer(balancer).on_disk(), balancer)
        if not applied.ok:
            raise EngineError(f"the lab's own config does not hold: {applied.faults[0]}")
        return tuple(told.split())

    def run(self, balancer: str, script: str, *arguments: str) -> str:
        """One of our own scripts on a balancer's machine; what it wrote."""
        result = self.running.run_program(
            Program(
                ("sh", "-c", script, "sh", *arguments),
                read_only={"history": self.world.stream()},
                where=balancer,
                writable=(CONFIG,),
                environment=_AT_1050,
                needs=("git",),
            )
        )
        if not result.ok:
            raise EngineError("the lab's history could not be made", why=f"{result.in_words()} {result.err[-500:]}")
        return result.out

    def meddle(self, balancer: str) -> None:
        """What tired people do at 10:40: over the Runtime API, and saved for the next reload."""
        known, world = self.running.runtime(balancer).servers, self.world
        pool = next(server.pool for server in known if server.name == world.taken_out)
        self._ask(balancer, f"set server {pool}/{world.taken_out} state maint")
        self._ask(balancer, f"set server {pool}/{world.drained} weight 0%")
        state = self._ask(balancer, "show servers state")
        self.running.machines.put(balancer, STATE_FOLDER, {STATE_FILE: f"{state}\n".encode()})

    def _ask(self, balancer: str, command: str) -> str:
        return HAProxy().ask(self.running.machines, balancer, command)

    def turn(self, balancer: str, commit: str) -> Turn:
        """Let the script roll ``commit`` back on ``balancer``, while users keep coming."""
        asked = Asked(
            SCRIPT,
            arguments=(commit, self.world.reason),
            writable=(CONFIG,),
            limits=LIMITS,
            needs=("git", "curl"),
            where=balancer,
        )
        before = self._look(balancer)
        door = self._door(balancer)
        quiet = visit(self.running, door, QUIET, 1)
        with users_coming(self.running, door) as seen:
            result = run_asked(self.running, asked, self.files, self.beside)
        assert result is not None  # the examiner does not ask about files that are missing
        after = self._look(balancer)
        arriving = visit(self.running, door, _LOOK, 2)
        spread = judge_spread(arriving, self.running.stack.fair_shares(), unit="request")
        return Turn(balancer, result, before, after, met([quiet]), met(seen), arriving, spread)

    def reloaded(self, balancer: str) -> tuple[ServerNow, ...]:
        """The servers after one more reload, as tomorrow's change will bring."""
        one = self.running.balancer(balancer)
        if self.running.machines.state(balancer).up:
            one.reload_in_place(lambda: not one.proxy.reload(self.running.machines, balancer))
        return self._look(balancer).servers

    def _look(self, balancer: str) -> Look:
        one, machines = self.running.balancer(balancer), self.running.machines
        on_disk, state = one.on_disk(), machines.state(balancer)
        try:
            servers = one.runtime().servers
        except NodeDownError:
            servers = ()
        saved = machines.fetch(balancer, STATE_FOLDER).files.get(STATE_FILE, b"")
        git = {path.removeprefix(".git/"): content for path, content in on_disk.items() if path.startswith(".git/")}
        return Look(
            files=config_only(on_disk),
            git=git,
            differs=not state.up or one.running_differs_from_disk(),
            pid=state.pid,
            starts=state.starts,
            servers=servers,
            saved=saved.decode(errors="replace"),
        )

    def _door(self, balancer: str) -> Door:
        one = next(other for other in self.running.stack.balancers if other.name == balancer)
        return Door(self.running.machines.address(balancer), one.port)
