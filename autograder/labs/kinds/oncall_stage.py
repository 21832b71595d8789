"""The shop of a shift: a running pair of balancers, on which actions are carried out, and which is measured after.

The lab's own shift and the examiner's replay of its record use the same stage, so the same action does the same.

How full a server gets is decided by how many people are there at once, not by how fast this machine is: a crowd that
the whole pool can hold, and no server alone. So between two actions nothing changes, and one look, weighted with the
time until the next action, tells what users met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autograder.labs.kinds.oncall_world import Repository, ShiftError, exchanged
from autograder.stack.conduct import Conduct
from autograder.stack.engine import EngineError, NodeDownError
from autograder.stack.model import Door
from autograder.stack.procfs import wait_until
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.labs.kinds.oncall_record import Action
    from autograder.labs.kinds.oncall_world import World
    from autograder.stack.running import RunningStack

CROWD: Final = 24
"""People at once: too many for one machine (2 served, 12 waiting), and six to eight for each of four or three."""
PAGES: Final = 48
"""Pages that a look asks each balancer for."""
_LOOKS: Final = 5
"""How often a look is taken again while servers still fall."""
_PATIENCE_S: Final = 20.0
_SETTLED_S: Final = 10.0
_ALONE: Final = 0.9
_FAST: Final = Conduct(slowness=0.5)


@dataclass(frozen=True)
class AtDoor:
    """What came of the pages that one balancer was asked for: how many failed, and who answered the others.

    ``unanswered`` counts those among the failed that nothing came back for.
    """

    requests: int
    failed: int
    counts: Mapping[str, int]
    unanswered: int = 0


@dataclass(frozen=True)
class Seen:
    """One look: what users meet now at each balancer, and which servers are down."""

    doors: Mapping[str, AtDoor]
    down: tuple[str, ...]

    @property
    def failing(self) -> float:
        """Part (0 to 1) of all requests that get no page; half of the users come by each of two balancers."""
        return sum(door.failed for door in self.doors.values()) / sum(door.requests for door in self.doors.values())

    @property
    def shares(self) -> dict[str, float]:
        """Server → part of all answered requests."""
        counts: dict[str, int] = {}
        for door in self.doors.values():
            for name, count in door.counts.items():
                counts[name] = counts.get(name, 0) + count
        total = sum(counts.values())
        return {name: count / total for name, count in sorted(counts.items())}


class Stage:
    """A stack on which a shift takes place. ``repository`` is what is in git, ``loaded`` what each balancer runs."""

    def __init__(self, running: RunningStack, world: World, seed: int = 0) -> None:
        self.running = running
        self.world = world
        self.seed = seed
        self.repository = Repository(world.history)
        self.loaded: dict[str, str] = {}
        self.refused = ""
        """What a balancer said when it was last given a config that it does not take."""
        self.hung = 0
        """Looks at which users waited for nothing: that takes long, and nobody's shift needs many of them."""
        self._never: set[tuple[str, ...]] = set()
        """What was loaded and up when the balancers and the machines did not come to agree on who is up."""

    def begin(self) -> Seen:
        """The outage: every balancer runs the newest version, and the spare is off."""
        self.running.kill(self.world.spare)
        for balancer in self.running.balancers:
            self._load(balancer)
            if self.refused:
                raise EngineError(f"the lab's own config does not hold: {self.refused}")
        return self.look()

    def do(self, action: Action) -> str:
        """Carry an action out; what there is to say. Raises :class:`ShiftError` for one that cannot be done."""
        carry = getattr(self, f"_{action.do.replace('-', '_')}", None)
        return carry(action) if carry is not None else ""

    def look(self) -> Seen:
        """Ask every balancer for pages, until nothing more falls over."""
        for number in range(_LOOKS):
            before = self._up()
            self._settle()
            doors = {name: self._visit(name, self.seed + number) for name in self.running.balancers}
            still = self._up() == before
            if any(2 * door.unanswered > door.requests for door in doors.values()):
                self.hung += 1
                break
            if still and not any(_all_on_one(door) for door in doors.values()):
                break
        return Seen(doors, tuple(name for name in self._names() if name not in self._up()))

    def _up(self) -> set[str]:
        return {name for name, state in self.running.servers().items() if state.up}

    def _names(self) -> list[str]:
        """Servers that are to be up: the spare is not, until somebody adds it."""
        spare = self.world.spare
        return [one for one in self.running.servers() if one != spare or f" {spare}:" in self.repository.config]

    def _visit(self, balancer: str, seed: int) -> AtDoor:
        one = self.running.balancer(balancer).balancer
        door = Door(self.running.machines.address(balancer), one.port)
        people = population("many")
        plan = people.browse(PAGES, seed=seed)
        sample = send(self.running, people, plan, concurrency=CROWD, timeout=_PATIENCE_S, door=door)
        return AtDoor(sample.requests, sample.failed, sample.counts(), sample.failures.get("timeout", 0))

    def _settle(self) -> None:
        """Wait until the balancers have seen which servers are down and which are up."""
        place = (*self.loaded.values(), *sorted(self._up()))
        if place not in self._never and not wait_until(self._agree, _SETTLED_S):
            self._never.add((*self.loaded.values(), *sorted(self._up())))

    def _agree(self) -> bool:
        up = self._up()
        for balancer in self.running.balancers:
            try:
                known = self.running.runtime(balancer).servers
            except NodeDownError:
                continue
            if any(
                one.check and one.status in ("UP", "DOWN") and (one.status == "UP") != (one.name in up) for one in known
            ):
                return False
            if any(one.check == "INI" for one in known):
                return False
        return True

    def _load(self, balancer: str) -> None:
        config = self.repository.config
        main = self.running.balancer(balancer).balancer.config
        applied = self.running.apply({main: config.encode()}, balancer)
        self.refused = "" if applied.ok else str(applied.faults[0])
        if applied.ok:
            self.loaded[balancer] = config

    def _of(self, action: Action, what: str, known: list[str]) -> str:
        name = action.words[what]
        if name not in known:
            raise ShiftError(f"there is no {what} {name!r}", remedy=f"take one of {', '.join(known)}")
        return name

    def _server(self, action: Action) -> str:
        return self._of(action, "server", list(self.running.servers()))

    # What can be done, by the words of a record.

    def _reload(self, action: Action) -> str:
        balancer = self._of(action, "balancer", list(self.running.balancers))
        self._load(balancer)
        if self.refused:
            return f"{balancer} refused it, and what ran still runs: {self.refused}"
        return f"{balancer} was reloaded, and runs {self.repository.commits[-1].name}"

    def _restart_balancer(self, action: Action) -> str:
        balancer = self._of(action, "balancer", list(self.running.balancers))
        self.running.balancer(balancer).restart()
        return f"{balancer} was restarted, with the config that it ran"

    def _restart(self, action: Action) -> str:
        server = self._server(action)
        self.running.restart(server)
        return f"{server} was restarted"

    def _bigger(self, action: Action) -> str:
        server = self._server(action)
        self.running.afflict(server, _FAST)
        self.running.restart(server)
        return f"{server} has twice the processor, and was started on it"

    def _kill(self, action: Action) -> str:
        server = self._server(action)
        self.running.kill(server)
        return f"{server} lost its power"

    def _add_server(self, action: Action) -> str:
        server = self._server(action)
        if server != self.world.spare:
            raise ShiftError(f"{server} is no spare", remedy=f"the spare machine is {self.world.spare}")
        last = f"    server {self.world.servers[-1]} "
        lines = self.repository.config.splitlines(keepends=True)
        line = next((one for one in lines if one.startswith(last)), "")
        more = line.replace(self.world.servers[-1], server).replace(" disabled", "")
        config = exchanged(self.repository.config, ((line, line + more),)) if line else self.repository.config
        self.repository = self.repository.committed(config, f"Add {server}", action.at_s)
        self.running.start(server)
        return f"{server} runs, and stands in the pool in git; a reload lets it in"

    def _revert(self, action: Action) -> str:
        self.repository = self.repository.reverted(action.words["commit"], action.words["why"], action.at_s)
        return self._newest()

    def _go_back(self, action: Action) -> str:
        self.repository = self.repository.gone_back(action.words["commit"], action.words["why"], action.at_s)
        return self._newest()

    def _reset(self, action: Action) -> str:
        self.repository = self.repository.reset(action.words["commit"])
        return self._newest()

    def _commit(self, action: Action) -> str:
        self.repository = self.repository.committed(action.words["config"], action.words["why"], action.at_s)
        return self._newest()

    def _newest(self) -> str:
        newest = self.repository.commits[-1]
        return f"the newest version is {newest.name} ({newest.message}); a balancer runs it when it is reloaded"


def _all_on_one(door: AtDoor) -> bool:
    """Whether all that was answered came from one server, which cannot hold them all."""
    answered = sum(door.counts.values())
    return answered > 0 and max(door.counts.values()) >= _ALONE * answered
