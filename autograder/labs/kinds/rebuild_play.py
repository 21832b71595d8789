"""Playing a restore: a new machine for the balancer, a folder of backups, and a script. Nobody is served until it is.

The script is a stranger's. It runs only in the twin's sandbox, on the balancer's own machine.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from autograder.judge.rollback import met
from autograder.judge.spread import SpreadVerdict, judge_spread
from autograder.labs.kinds.rebuild_world import LOST, World, draw
from autograder.labs.kinds.users import QUIET, users_coming, visit
from autograder.labs.programs import Asked, program_of
from autograder.stack.engine import EngineError
from autograder.stack.model import Door
from autograder.stack.programs import Limits, Program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.judge.rollback import Failures
    from autograder.labs.kinds.kind import Question
    from autograder.stack.programs import ProgramResult
    from autograder.stack.running import RunningStack
    from autograder.traffic.sample import Sample

SCRIPT: Final = "restore.sh"
FOLDER: Final = "/etc/haproxy"
LIMITS: Final = Limits(wall_s=90, cpu_s=20)
_TLS_PORT: Final = 443
_LOOK: Final = 240
_TLS_LOOK: Final = 12
_MODES: Final = """
import itertools, os, stat, sys
paths = (os.path.join(at, name) for top in sys.argv[1:] for at, _, names in os.walk(top) for name in names)
for path in itertools.islice(paths, 500):
    mode = os.lstat(path).st_mode
    if stat.S_ISREG(mode):
        try:
            with open(path, "rb") as file:
                secret = b"PRIVATE KEY" in file.read(1 << 20)
        except OSError:
            secret = False
        print(oct(mode & 0o777)[2:], int(secret), ascii(path)[:200])
"""


@dataclass(frozen=True)
class Kept:
    """A file as it lies on the machine: path, its mode's last nine bits, and whether there is a private key in it."""

    path: str
    mode: int
    secret: bool


@dataclass(frozen=True)
class Turn:
    """One run of the script: how it ended, and what was there after it.

    ``arriving`` are requests that came after it, ``by_tls`` the same over TLS. ``quiet`` are users' requests before it
    and ``meanwhile`` those beside it, where anybody was served by then, and ``answered`` who answered those.
    ``starts`` counts HAProxy's.
    """

    result: ProgramResult
    files: Mapping[str, bytes]
    kept: tuple[Kept, ...]
    up: bool
    pid: int | None
    starts: int
    arriving: Sample
    by_tls: Sample
    spread: SpreadVerdict
    quiet: Failures | None = None
    meanwhile: Failures | None = None
    answered: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """What was seen in one scene: one run on an empty machine, and in :data:`LOST` one more when that was over."""

    world: World
    turns: tuple[Turn, ...]


def play(question: Question, scene: str) -> Scene:
    """Play one scene on a stack that nobody has touched. Raises :class:`EngineError` only when *we* failed."""
    lab, running = question.lab, question.running
    assert lab is not None  # the examiner gives it
    parts = {path.name: lab.rewriting.file(path.read_bytes()) for path in (lab.folder / "made-of").iterdir()}
    world = draw(parts, scene, question.seed, lab.starts[0].folder)
    beside = {path.name: path.read_bytes() for path in sorted((lab.folder / "beside").glob("*"))}
    beside["servers"] = "".join(f"{name}\n" for name in world.servers).encode()
    player = _Player(running, world, question.files, beside)
    running.machines.put(running.stack.balancer.name, FOLDER, {})
    turns = [player.turn()]
    if scene == LOST:
        turns.append(player.again())
    return Scene(world, tuple(turns))


@dataclass(frozen=True)
class _Player:
    running: RunningStack
    world: World
    files: Mapping[str, bytes]
    beside: Mapping[str, bytes]

    def turn(self, quiet: Failures | None = None, meanwhile: list[Sample] | None = None) -> Turn:
        """Let the script restore, and look."""
        result = self._run()
        balancer = self.running.stack.balancer.name
        state = self.running.machines.state(balancer)
        arriving = visit(self.running, self._door(), _LOOK, 2)
        by_tls = visit(self.running, self._door(tls=True), _TLS_LOOK, 3)
        wanted = self.world.wanted
        serving = [name for name in self.world.servers if wanted is None or name != wanted.out]
        spread = judge_spread(arriving, dict.fromkeys(serving, 1 / len(serving)), unit="request")
        return Turn(
            result,
            self.running.balancer(balancer).on_disk(),
            self._kept(),
            state.up,
            state.pid,
            state.starts,
            arriving,
            by_tls,
            spread,
            quiet,
            None if meanwhile is None else met(meanwhile),
            dict(sum((Counter(one.counts()) for one in meanwhile or ()), Counter())),
        )

    def again(self) -> Turn:
        """The same once more, while users come."""
        before = visit(self.running, self._door(), QUIET, 1)
        with users_coming(self.running, self._door()) as seen:
            return self.turn(met([before]), seen)

    def _run(self) -> ProgramResult:
        asked = Asked(
            SCRIPT,
            arguments=("/given", self.world.lost_at),
            writable=(FOLDER,),
            limits=LIMITS,
            needs=("curl", "python3"),
        )
        program = program_of(asked, self.files, self.beside)
        assert program is not None  # the examiner does not ask about files that are missing
        return self.running.run_program(replace(program, read_only=self.world.given()))

    def _kept(self) -> tuple[Kept, ...]:
        """Every file of the balancer's folders. Its own paths are the learner's words: they come quoted."""
        result = self.running.run_program(
            Program(("python3", "-c", _MODES, FOLDER, "/var/lib/haproxy"), needs=("python3",))
        )
        if not result.ok:
            raise EngineError("the balancer's files could not be looked at", why=result.in_words() + result.err[-300:])
        rows = (line.split(" ", 2) for line in result.out.splitlines())
        return tuple(Kept(path.strip("'\""), int(mode, 8), secret == "1") for mode, secret, path in rows)

    def _door(self, *, tls: bool = False) -> Door:
        balancer = self.running.stack.balancer
        return Door(self.running.machines.address(balancer.name), _TLS_PORT if tls else balancer.port, tls=tls)
