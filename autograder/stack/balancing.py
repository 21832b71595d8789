"""One balancer of a running stack: check a config, apply it, know which one runs, roll back."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.stack.engine import TIMED_OUT, EngineError, NodeDownError
from autograder.stack.proxies.proxy import MARKER_FOLDER, ConfigFault, Loaded, proxy_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autograder.stack.engine import Machines
    from autograder.stack.model import Balancer
    from autograder.stack.proxies.proxy import RunTime

_LOAD_TIMEOUT = 10.0
_POLL_S = 0.02
_SEGFAULT = 11
_CHECK_S = 40.0
"""A config is read in milliseconds. Where fifty people asked at once on two processors, ten seconds were too few."""


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


def config_only(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Files of a folder without those that git keeps for itself."""
    return {name: content for name, content in files.items() if name.split("/", 1)[0] != ".git"}


def _ended(code: int) -> str:
    """Why a check that says nothing failed: nginx runs out of stack in a file that includes itself."""
    if code == TIMED_OUT:
        return (
            f"it was not read to its end in {_CHECK_S:.0f} s: does it wait for something, or is this machine too busy?"
        )
    crashed = code in (-_SEGFAULT, 128 + _SEGFAULT)
    return "it crashes while it reads this: does a file include itself?" if crashed else f"it ended with code {code}"


class RunningBalancer:
    """One balancer. It is not started until a config was applied."""

    def __init__(self, balancer: Balancer, machines: Machines) -> None:
        self.balancer = balancer
        self.last_known_good: Mapping[str, bytes] | None = None
        """The newest config that was loaded before the one that runs."""
        self.running: Mapping[str, bytes] | None = None
        self.proxy = proxy_named(balancer.proxy)
        self._machines = machines
        self._generation = itertools.count(1)
        self._changing = threading.RLock()
        self._operated = False
        """Whether a program may have changed what is on disk."""
        self._unsure: set[str] = set()
        """Markers of loads during which files were written: what was read is not known."""

    def check(self, files: Mapping[str, bytes]) -> tuple[ConfigFault, ...]:
        """Ask the balancer itself whether a config is valid; empty if it is. Changes nothing that runs."""
        with self._changing:
            before = self.on_disk() if self._operated else self.running
            try:
                return self._put_and_check(files)
            finally:
                self._put_back(before)

    def _put_and_check(self, files: Mapping[str, bytes]) -> tuple[ConfigFault, ...]:
        # Checked where it will lie: a config may name its own files by absolute paths.
        if self.balancer.config not in files:
            return (ConfigFault(f"there is no {self.balancer.config}", "", 0),)
        self._machines.put(self.balancer.name, self.proxy.folder, files)
        command = self.proxy.check_command(self.proxy.folder, self.balancer.config)
        ran = self._machines.run(self.balancer.name, command, timeout=_CHECK_S)
        if ran.exit_code == 0:
            return ()
        faults = self.proxy.faults(ran.err + ran.out, self.proxy.folder)
        if ran.exit_code == TIMED_OUT:
            faults = (ConfigFault(_ended(TIMED_OUT), "", 0),)
        last = (ran.err.strip() or _ended(ran.exit_code)).splitlines()[-1]
        return faults or (ConfigFault(last, "", 0),)

    def _put_back(self, files: Mapping[str, bytes] | None) -> None:
        # What is on disk must be what was there: its files may be read again at any time.
        if files is not None:
            self._machines.put(self.balancer.name, self.proxy.folder, files)

    def apply(self, files: Mapping[str, bytes]) -> Applied:
        """Check a config, put it in place, reload (or start) the balancer, and wait until it is what runs."""
        began = time.monotonic()
        digest = config_digest(config_only(files))
        draining = 0
        with self._changing:
            before = self.on_disk() if self._operated else self.running
            faults = self._put_and_check(files)
            if not faults:
                faults, draining = self._load(digest)
            if faults:
                self._put_back(before)
            else:
                self._remember(files)
        return Applied(not faults, digest, faults, time.monotonic() - began, draining)

    def _remember(self, files: Mapping[str, bytes]) -> None:
        if self.running is not None and config_digest(config_only(self.running)) != config_digest(config_only(files)):
            self.last_known_good = self.running
        self.running = dict(files)

    def _load(self, digest: str) -> tuple[tuple[ConfigFault, ...], int]:
        node = self.balancer.name
        word = self._mark(digest)
        if self._machines.state(node).up:
            refused = self.proxy.reload(self._machines, node)
        else:
            self._machines.start(node, self.proxy.command(self.balancer.config))
            refused = ""
        loaded = Loaded(up=True, markers=(), draining=0)
        if not refused:
            try:
                loaded = self.proxy.wait_loaded(self._machines, node, word, _LOAD_TIMEOUT)
            except NodeDownError:  # it ended while it was looked at
                loaded = Loaded(up=False, markers=(), draining=0)
            if loaded.markers == (word,):
                return (), loaded.draining
        said = refused or loaded.said or self._machines.logs(node)
        state = "kept the old config" if loaded.up and self.running is not None else "did not start"
        return self.proxy.faults(said, self.proxy.folder) or (ConfigFault(f"{node} {state}", "", 0),), 0

    def _mark(self, digest: str) -> str:
        """Have whoever loads a config from now on carry a new word, which is returned."""
        word = f"{next(self._generation)}-{digest}"
        self._machines.put(self.balancer.name, MARKER_FOLDER, self.proxy.marker(word))
        return word

    def on_disk(self) -> Mapping[str, bytes]:
        """The files of the config folder as they are now, whoever wrote them."""
        return self._machines.fetch(self.balancer.name, self.proxy.folder).files

    def running_differs_from_disk(self) -> bool:
        """Whether the running workers loaded anything else than what is on disk now.

        Told from the workers' markers, which name what was on disk when they loaded it; true also if they are of
        several configs, if nothing runs, or if files were written while they were loaded. What git keeps in a
        ``.git`` folder is no config.
        """
        markers = self.loaded().markers
        if len(markers) != 1 or markers[0] in self._unsure:
            return True
        return markers[0].partition("-")[2] != config_digest(config_only(self.on_disk()))

    def operated(self) -> None:
        """From now on programs may change what is on disk, so nothing is taken for granted."""
        self._operated = True

    def reload_in_place(self, ask: Callable[[], bool]) -> bool:
        """Have it load what is on disk, in whatever way ``ask`` asks it to; whether it did.

        ``ask`` returns False if it was refused at once, and there is nothing to wait for.
        """
        with self._changing:
            return self._load_in_place(ask)

    def start_in_place(self) -> bool:
        """Start it with what is on disk; whether it runs that."""
        with self._changing:
            node = self.balancer.name
            command = self.proxy.command(self.balancer.config)

            def start() -> bool:
                self._machines.start(node, command)
                return True

            return self._load_in_place(start)

    def _load_in_place(self, ask: Callable[[], bool]) -> bool:
        node = self.balancer.name
        before = self._machines.fetch(node, self.proxy.folder)
        word = self._mark(config_digest(config_only(before.files)))
        if not ask():
            return False
        try:
            loaded = self.proxy.wait_loaded(self._machines, node, word, _LOAD_TIMEOUT)
        except NodeDownError:
            return False
        if loaded.markers != (word,):
            return False
        if self._machines.fetch(node, self.proxy.folder).mark != before.mark:
            self._unsure.add(word)
        else:
            self._remember(before.files)
        return True

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
        return self.proxy.loaded(self._machines, self.balancer.name)

    def runtime(self) -> RunTime:
        """What its processes do now: workers, open connections, and servers where the program tells about them.

        Raises :class:`~autograder.stack.engine.NodeDownError` if it is not up.
        """
        return self.proxy.runtime(self._machines, self.balancer.name)

    def wait_drained(self, timeout: float) -> Loaded:
        """Wait until no old worker is left that finishes what it had; the state then, or after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while (now := self.loaded()).draining and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return now
