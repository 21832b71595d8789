"""One balancer of a running stack: check a config, apply it, know which one runs, roll back."""

from __future__ import annotations

import hashlib
import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.stack.engine import EngineError, NodeDownError
from autograder.stack.proxies.proxy import MARKER_FOLDER, ConfigFault, Loaded, proxy_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.engine import Machines
    from autograder.stack.model import Balancer
    from autograder.stack.proxies.proxy import RunTime

_LOAD_TIMEOUT = 10.0
_POLL_S = 0.02


@dataclass(frozen=True)
class Applied:
    """What became of a config that was to be applied.

    ``ok`` only if the running workers have loaded it. If not, ``faults`` say why and the old config still runs.
    ``draining`` counts old workers that still finish what they have.
    """

    ok: bool
    digest: str
    faults: tuple[ConfigFault, ...]
    seconds: float
    draining: int = 0


def config_digest(files: Mapping[str, bytes]) -> str:
    """Twelve hex digits that name the content of a config folder."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{len(name)}:{name}{len(files[name])}:".encode() + files[name])
    return total.hexdigest()[:12]


class RunningBalancer:
    """One balancer. It is not started until a config was applied."""

    def __init__(self, balancer: Balancer, machines: Machines) -> None:
        self.balancer = balancer
        self.last_known_good: Mapping[str, bytes] | None = None
        """The newest config that was loaded before the one that runs."""
        self.running: Mapping[str, bytes] | None = None
        self._machines = machines
        self._proxy = proxy_named(balancer.proxy)
        self._generation = itertools.count(1)

    def check(self, files: Mapping[str, bytes]) -> tuple[ConfigFault, ...]:
        """Ask the balancer itself whether a config is valid; empty if it is. Changes nothing that runs."""
        try:
            return self._put_and_check(files)
        finally:
            self._put_back()

    def _put_and_check(self, files: Mapping[str, bytes]) -> tuple[ConfigFault, ...]:
        # Checked where it will lie: a config may name its own files by absolute paths.
        if self.balancer.config not in files:
            return (ConfigFault(f"there is no {self.balancer.config}", "", 0),)
        self._machines.put(self.balancer.name, self._proxy.folder, files)
        ran = self._machines.run(
            self.balancer.name, self._proxy.check_command(self._proxy.folder, self.balancer.config)
        )
        if ran.exit_code == 0:
            return ()
        faults = self._proxy.faults(ran.err + ran.out, self._proxy.folder)
        last = (ran.err.strip() or f"the check ended with code {ran.exit_code}").splitlines()[-1]
        return faults or (ConfigFault(last, "", 0),)

    def _put_back(self) -> None:
        # What is on disk must be what runs: its files may be read again at any time.
        if self.running is not None:
            self._machines.put(self.balancer.name, self._proxy.folder, self.running)

    def apply(self, files: Mapping[str, bytes]) -> Applied:
        """Check a config, put it in place, reload (or start) the balancer, and wait until it is what runs."""
        began = time.monotonic()
        digest = config_digest(files)
        draining = 0
        faults = self._put_and_check(files)
        if not faults:
            faults, draining = self._load(digest)
        if faults:
            self._put_back()
        else:
            if self.running is not None and config_digest(self.running) != digest:
                self.last_known_good = self.running
            self.running = dict(files)
        return Applied(not faults, digest, faults, time.monotonic() - began, draining)

    def _load(self, digest: str) -> tuple[tuple[ConfigFault, ...], int]:
        node = self.balancer.name
        word = f"{next(self._generation)}-{digest}"
        self._machines.put(node, MARKER_FOLDER, self._proxy.marker(word))
        if self._machines.state(node).up:
            refused = self._proxy.reload(self._machines, node)
        else:
            self._machines.start(node, self._proxy.command(self.balancer.config))
            refused = ""
        loaded = Loaded(up=True, markers=(), draining=0)
        if not refused:
            try:
                loaded = self._proxy.wait_loaded(self._machines, node, word, _LOAD_TIMEOUT)
            except NodeDownError:  # it ended while it was looked at
                loaded = Loaded(up=False, markers=(), draining=0)
            if loaded.markers == (word,):
                return (), loaded.draining
        said = refused or loaded.said or self._machines.logs(node)
        state = "kept the old config" if loaded.up and self.running is not None else "did not start"
        return self._proxy.faults(said, self._proxy.folder) or (ConfigFault(f"{node} {state}", "", 0),), 0

    def roll_back(self) -> Applied:
        """Apply the last known good config. Raises :class:`EngineError` if none was ever loaded before this one."""
        if self.last_known_good is None:
            raise EngineError("there is no earlier config to roll back to", remedy="apply a config first")
        return self.apply(self.last_known_good)

    def restart(self) -> Applied:
        """End the balancer at once and start it with the config it ran. Raises :class:`EngineError` if it ran none."""
        if self.running is None:
            raise EngineError(f"{self.balancer.name} never ran a config", remedy="apply a config first")
        self._machines.kill(self.balancer.name)
        return self.apply(self.running)

    def loaded(self) -> Loaded:
        """Which config the balancer's workers run, read from the workers."""
        return self._proxy.loaded(self._machines, self.balancer.name)

    def runtime(self) -> RunTime:
        """What its processes do now: workers, open connections, and servers where the program tells about them.

        Raises :class:`~autograder.stack.engine.NodeDownError` if it is not up.
        """
        return self._proxy.runtime(self._machines, self.balancer.name)

    def wait_drained(self, timeout: float) -> Loaded:
        """Wait until no old worker is left that finishes what it had; the state then, or after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while (now := self.loaded()).draining and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return now
