"""A stack that runs: engines and balancers joined. This is the face of the ground floor.

>>> with open_stack(stack, {"nginx.conf": config}) as running:        # doctest: +SKIP
...     running.apply({"nginx.conf": better}).ok
True
"""

from __future__ import annotations

import hashlib
import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from autograder.stack.engine import EngineError
from autograder.stack.proxies.proxy import CANDIDATE_FOLDER, MARKER_FOLDER, ConfigFault, Loaded, proxy_named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from autograder.stack.engine import Engine, Machines, NodeState
    from autograder.stack.model import Stack

ENGINES = ("local", "docker")
_LOAD_TIMEOUT = 10.0


@dataclass(frozen=True)
class Applied:
    """What became of a config that was to be applied.

    ``ok`` only if the running workers have loaded it. If not, ``faults`` say why and the old config still runs.
    """

    ok: bool
    digest: str
    faults: tuple[ConfigFault, ...]
    seconds: float
    draining: int = 0


def engine_named(name: str) -> Engine:
    """The engine called ``local`` or ``docker``. Raises :class:`EngineError` for any other name."""
    if name == "local":
        from autograder.stack.local import LocalEngine

        return LocalEngine()
    if name == "docker":
        from autograder.stack.docker import DockerEngine

        return DockerEngine()
    raise EngineError(f"there is no engine called {name!r}", remedy=f"use one of: {', '.join(ENGINES)}")


def config_digest(files: Mapping[str, bytes]) -> str:
    """Twelve hex digits that name the content of a config folder."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{len(name)}:{name}{len(files[name])}:".encode() + files[name])
    return total.hexdigest()[:12]


class RunningStack:
    """One stack with its balancer; made by :func:`open_stack`. Not started until a config was applied."""

    def __init__(self, stack: Stack, machines: Machines) -> None:
        self.stack = stack
        self.machines = machines
        self.last_known_good: Mapping[str, bytes] | None = None
        """The newest config that was loaded before the one that runs."""
        self.running: Mapping[str, bytes] | None = None
        self._proxy = proxy_named(stack.balancer.proxy)
        self._generation = itertools.count(1)

    def check(self, files: Mapping[str, bytes]) -> tuple[ConfigFault, ...]:
        """Ask the balancer itself whether a config is valid; empty if it is. Changes nothing that runs."""
        balancer = self.stack.balancer
        if balancer.config not in files:
            return (ConfigFault(f"there is no {balancer.config}", "", 0),)
        self.machines.put(balancer.name, CANDIDATE_FOLDER, files)
        ran = self.machines.run(balancer.name, self._proxy.check_command(CANDIDATE_FOLDER, balancer.config))
        if ran.exit_code == 0:
            return ()
        faults = self._proxy.faults(ran.err + ran.out, CANDIDATE_FOLDER)
        last = (ran.err.strip() or f"the check ended with code {ran.exit_code}").splitlines()[-1]
        return faults or (ConfigFault(last, "", 0),)

    def apply(self, files: Mapping[str, bytes]) -> Applied:
        """Check a config, put it in place, reload (or start) the balancer, and wait until it is what runs."""
        began = time.monotonic()
        digest = config_digest(files)
        faults = self.check(files)
        if not faults:
            faults, draining = self._load(files, digest)
        else:
            draining = 0
        if not faults:
            if self.running is not None and config_digest(self.running) != digest:
                self.last_known_good = self.running
            self.running = dict(files)
        return Applied(not faults, digest, faults, time.monotonic() - began, draining)

    def _load(self, files: Mapping[str, bytes], digest: str) -> tuple[tuple[ConfigFault, ...], int]:
        node = self.stack.balancer.name
        word = f"{next(self._generation)}-{digest}"
        self.machines.put(node, self._proxy.folder, files)
        self.machines.put(node, MARKER_FOLDER, self._proxy.marker(word))
        if self.machines.state(node).up:
            refused = self._proxy.reload(self.machines, node)
        else:
            self.machines.start(node, self._proxy.command(self.stack.balancer.config))
            refused = ""
        loaded = Loaded(up=True, markers=(), draining=0)
        if not refused:
            loaded = self._proxy.wait_loaded(self.machines, node, word, _LOAD_TIMEOUT)
            if loaded.markers == (word,):
                return (), loaded.draining
        why = self._proxy.faults(refused or self.machines.logs(node), self._proxy.folder)
        # What is on disk must be what runs, also after a refusal: put the running config back.
        if self.running is not None:
            self.machines.put(node, self._proxy.folder, self.running)
        state = "kept the old config" if loaded.up and self.running is not None else "did not start"
        return (why or (ConfigFault(f"{node} {state}", "", 0),)), 0

    def roll_back(self) -> Applied:
        """Apply the last known good config. Raises :class:`EngineError` if none was ever loaded before this one."""
        if self.last_known_good is None:
            raise EngineError("there is no earlier config to roll back to", remedy="apply a config first")
        return self.apply(self.last_known_good)

    def loaded(self) -> Loaded:
        """Which config the balancer's workers run, read from the workers."""
        return self._proxy.loaded(self.machines, self.stack.balancer.name)

    def servers(self) -> dict[str, NodeState]:
        """State of every server's process."""
        return {server.name: self.machines.state(server.name) for server in self.stack.servers}

    def kill(self, server: str) -> None:
        """End a server's process at once, as a power cut would."""
        self.machines.kill(self.stack.server(server).name)

    def restart(self, server: str) -> None:
        """End a server's process if it runs, and start it again."""
        self.kill(server)
        self.machines.start(self.stack.server(server).name)

    def bring_back(self) -> None:
        """Start every server that is down."""
        for name, state in self.servers().items():
            if not state.up:
                self.machines.start(name)

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


def open_stack(stack: Stack, engine: str = "local") -> RunningStack:
    """Start the servers of a stack; its balancer starts with the first :meth:`RunningStack.apply`.

    Raises :class:`EngineError` if the engine cannot run here.
    """
    return RunningStack(stack, engine_named(engine).open(stack))
