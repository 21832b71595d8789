"""A stack that runs: engines and balancers joined. This is the face of the ground floor.

>>> with open_stack(stack) as running:        # doctest: +SKIP
...     running.apply({"nginx.conf": better}).ok
True
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Self

from autograder.errors import suggestion
from autograder.stack.balancing import RunningBalancer
from autograder.stack.conduct import WELL, Conduct
from autograder.stack.engine import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from autograder.stack.balancing import Applied
    from autograder.stack.engine import Engine, Machines, NodeState
    from autograder.stack.model import Stack
    from autograder.stack.programs import Program, ProgramResult
    from autograder.stack.proxies.proxy import ConfigFault, Loaded, RunTime
    from autograder.stack.running_program import RunningProgram
    from autograder.stack.watching import Watcher

ENGINES = ("local", "docker")
_BEHAVE = "autograder.stack.conduct:behave"


def engine_named(name: str, programs: Mapping[str, Path] | None = None) -> Engine:
    """The engine called ``local`` or ``docker``. Raises :class:`EngineError` for any other name.

    ``programs`` are a user's own binaries to run instead of ours, by ``nginx`` and ``haproxy``.
    """
    if name == "local":
        from autograder.stack.local import LocalEngine

        return LocalEngine(programs) if programs else LocalEngine()
    if name == "docker":
        from autograder.stack.docker import DockerEngine

        return DockerEngine(programs) if programs else DockerEngine()
    raise EngineError(f"there is no engine called {name!r}", remedy=f"use one of: {', '.join(ENGINES)}")


class RunningStack:
    """One stack; made by :func:`open_stack`. Its balancers start with the first config that is applied to them.

    Where a method takes ``balancer``, no name means the first, which clients talk to.
    """

    def __init__(self, stack: Stack, machines: Machines) -> None:
        self.stack = stack
        self.machines = machines
        self.balancers = {one.name: RunningBalancer(one, machines) for one in stack.balancers}
        self._conduct = {server.name: WELL for server in stack.servers}
        self._paused: set[str] = set()

    def balancer(self, name: str = "") -> RunningBalancer:
        """One of the balancers. Raises :class:`EngineError` if there is none of that name."""
        found = self.balancers.get(name or self.stack.balancer.name)
        if found is None:
            remedy = suggestion(name, self.balancers)
            raise EngineError(f"this stack has no balancer called {name!r}", remedy=remedy)
        return found

    @property
    def running(self) -> Mapping[str, bytes] | None:
        """The config that the first balancer runs."""
        return self.balancer().running

    @property
    def last_known_good(self) -> Mapping[str, bytes] | None:
        """The newest config that the first balancer ran before that."""
        return self.balancer().last_known_good

    def check(self, files: Mapping[str, bytes], balancer: str = "") -> tuple[ConfigFault, ...]:
        """See :meth:`RunningBalancer.check`."""
        return self.balancer(balancer).check(files)

    def apply(self, files: Mapping[str, bytes], balancer: str = "") -> Applied:
        """See :meth:`RunningBalancer.apply`."""
        return self.balancer(balancer).apply(files)

    def roll_back(self, balancer: str = "") -> Applied:
        """See :meth:`RunningBalancer.roll_back`."""
        return self.balancer(balancer).roll_back()

    def loaded(self, balancer: str = "") -> Loaded:
        """See :meth:`RunningBalancer.loaded`."""
        return self.balancer(balancer).loaded()

    def runtime(self, balancer: str = "") -> RunTime:
        """See :meth:`RunningBalancer.runtime`."""
        return self.balancer(balancer).runtime()

    def servers(self) -> dict[str, NodeState]:
        """State of every server's process."""
        return {server.name: self.machines.state(server.name) for server in self.stack.servers}

    def conduct(self, server: str) -> Conduct:
        """What is wrong with a server, as it was last told."""
        return self._conduct[self.stack.server(server).name]

    def afflict(self, server: str, conduct: Conduct) -> None:
        """Make something go wrong with a server: from when this returns it behaves so, until it is healed.

        What is wrong with machine and network outlives the program: after a restart it is in force again.
        """
        name = self.stack.server(server).name
        self._conduct[name] = conduct
        if self.machines.state(name).up:
            self._tell(name)

    def heal(self, server: str) -> None:
        """Nothing is wrong with the server any more; a server that is down stays down."""
        self.afflict(server, WELL)

    def pause(self, node: str) -> None:
        """Freeze a server or a balancer as if its machine hung: connections stay open and nothing answers."""
        self.machines.pause(node)
        self._paused.add(node)

    def resume(self, node: str) -> None:
        """Let a paused node go on."""
        self.machines.resume(node)
        self._paused.discard(node)

    def kill(self, server: str) -> None:
        """End a server's process at once, as a power cut would."""
        self.machines.kill(self.stack.server(server).name)

    def start(self, server: str) -> None:
        """Start a server's process if it is down."""
        name = self.stack.server(server).name
        self.machines.start(name)
        if self._conduct[name] != WELL:
            self._tell(name)

    def restart(self, server: str) -> None:
        """End a server's process if it runs, and start it again."""
        self.kill(server)
        self.start(server)

    def bring_back(self) -> None:
        """Heal every server, let it go on, and start it if it is down."""
        for node in tuple(self._paused):
            self.resume(node)
        for name, conduct in self._conduct.items():
            if conduct != WELL:
                self.heal(name)
            self.start(name)

    def watch(self, rules: Mapping[str, bytes] | None = None) -> Watcher:
        """Start the stack's Prometheus, with files of rules. Raises :class:`EngineError` if the stack has none."""
        from autograder.stack.watching import Watcher

        if not self.stack.prometheus:
            remedy = "say prometheus = true in its stack file"
            raise EngineError(f"the stack {self.stack.name} has no Prometheus", remedy=remedy)
        watcher = Watcher(self.stack, self.machines)
        watcher.start(rules)
        return watcher

    def start_program(self, program: Program) -> RunningProgram:
        """Start a learner's program on a balancer's machine; use it as ``with … as program:``. Many may run at once.

        It sees its own folder, the balancer's folders, the system's programs and the twin's network, and nothing else.
        Raises :class:`EngineError` if it cannot be started.
        """
        from autograder.stack.passing_on import PassingOn
        from autograder.stack.running_program import RunningProgram

        balancer = self.balancer(program.where)
        balancer.operated()
        chosen = replace(program, where=balancer.balancer.name)
        return RunningProgram(chosen, self.machines, PassingOn(balancer, self.machines))

    def run_program(self, program: Program) -> ProgramResult:
        """The same, and wait until it has ended, which it has at its limit of time."""
        with self.start_program(program) as started:
            return started.wait()

    def _tell(self, server: str) -> None:
        self.machines.call(server, _BEHAVE, {"server": server, **asdict(self._conduct[server])})

    def close(self) -> None:
        """End everything; safe to call twice."""
        self.machines.stop()

    def __enter__(self) -> Self:
        """The running stack itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, whatever happened."""
        self.close()


def open_stack(stack: Stack, engine: str = "local", programs: Mapping[str, Path] | None = None) -> RunningStack:
    """Start the servers of a stack; its balancers start with the first :meth:`RunningStack.apply`.

    Raises :class:`EngineError` if the engine cannot run here, or cannot run one of the ``programs``.
    """
    return RunningStack(stack, engine_named(engine, programs).open(stack))
