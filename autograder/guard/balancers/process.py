"""nginx and HAProxy, on this machine or in a container: files, signals, HAProxy's sockets, nginx's log and processes.

Neither tells which config it runs. So what is running is known by who runs: workers that were not there before a
reload have read what lay in the folder when it was asked for.
"""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from autograder.guard.balancer import BalancerError, Expected, RefusedError, expected_of
from autograder.guard.balancers.place import place_of
from autograder.guard.balancers.runtime_api import StatsReader, ask, clear_tables, worker
from autograder.guard.tally import Tally
from autograder.stack.procfs import wait_until
from autograder.stack.proxies.proxy import proxy_named

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from autograder.guard.counts import Window
    from autograder.guard.settings import BalancerAt
    from autograder.stack.proxies.reading import Upstream

_LOAD_S = 60.0
_SIGNAL_S = 5.0
_HEARS_S = 2.0
_SAID = 300


class ProcessBalancer:
    """See :class:`autograder.guard.balancer.Balancer`."""

    def __init__(self, at: BalancerAt, main: str) -> None:
        self.name, self.proxy = at.name, at.proxy
        self._at, self._main = at, main
        self._place = place_of(at)
        self._tally = Tally()
        self._stats = StatsReader(self._say)
        self._loaded: tuple[Mapping[str, bytes], frozenset[str]] | None = None
        """What was loaded last, and the workers that had been there before."""

    def check(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """See :class:`Balancer`."""
        if self._main not in files:
            return (f"there is no {self._main}",)
        with self._place.tried(files) as folder:
            ran = self._place.run(self._check_command(folder))
            if ran.code == 0:
                return ()
            faults = proxy_named(self.proxy).faults(ran.said, folder)
            return tuple(str(one) for one in faults) or (ran.said.strip()[-_SAID:] or f"it ended with {ran.code}",)

    def _check_command(self, folder: str) -> list[str]:
        if self._at.check:
            return [word.replace("{folder}", folder) for word in self._at.check]
        program = self._at.program or self._place.program(self.proxy)
        config = f"{folder}/{self._main}"
        if self.proxy == "nginx":
            # the running one's pid file must not be touched: -t only opens what it would write
            return [program, "-t", "-q", "-c", config]
        return [program, "-c", "-C", folder, "-f", config]

    def installed(self, names: Collection[str]) -> Mapping[str, bytes]:
        """See :class:`Balancer`."""
        return self._place.read(names)

    def load(self, files: Mapping[str, bytes], gone: Collection[str]) -> None:
        """See :class:`Balancer`."""
        self._loaded = None
        self._place.write(files, gone, self._main)
        before: frozenset[str] = wait_until(self._workers, _HEARS_S)
        if not before:  # whoever answered later would be taken for new
            raise BalancerError(f"{self.name} is not up, or does not answer", where=self._at.pid_file or self._at.stats)
        # HAProxy's master loses a signal that comes just after it started a worker; one too many does no harm.
        by_signal = self.proxy == "haproxy" and not (self._at.master or self._at.reload)
        for patience in (_SIGNAL_S, _LOAD_S) if by_signal else (_LOAD_S,):
            self._reload()
            if wait_until(lambda: self._fresh(before), patience):
                break
        else:
            raise RefusedError(
                f"{self.name} did not take the config: its old workers still serve",
                where=self._at.folder,
                why="its error log says more",
            )
        self._loaded = (dict(files), before)

    def _fresh(self, before: frozenset[str]) -> bool:
        now = self._workers()
        return bool(now) and not now & before

    def _reload(self) -> None:
        if self._at.reload:
            ran = self._place.run(self._at.reload)
            if ran.code:
                raise RefusedError(f"{self.name} refuses to reload", why=ran.said.strip()[-_SAID:])
            return
        if self._at.master:
            # A master that has only just started its worker does not hear for a moment.
            wait_until(self._master_hears, _HEARS_S)
            said = ask(self._at.master, "reload", _LOAD_S)
            if "Success=0" in said:
                raise RefusedError(f"{self.name} refuses the config", why=said.strip()[-_SAID:])
            return
        self._place.tell(signal.SIGHUP if self.proxy == "nginx" else signal.SIGUSR2)

    def _master_hears(self) -> bool:
        try:
            return bool(ask(self._at.master, "show version"))
        except BalancerError:
            return False

    def _workers(self) -> frozenset[str]:
        """Who takes connections now."""
        if self.proxy == "nginx":
            return self._place.nginx_workers()
        try:
            return frozenset({worker(self._say)} - {""})
        except BalancerError:
            return frozenset()  # between two workers nobody answers for a moment

    def runs(self, files: Mapping[str, bytes]) -> bool:
        """See :class:`Balancer`."""
        if self._loaded is None or self._loaded[0] != files or self._place.read(files) != files:
            return False
        return self._fresh(self._loaded[1])

    def counts(self) -> Window:
        """See :class:`Balancer`."""
        if self.proxy == "haproxy":
            self._stats.read(self._tally)
        else:
            self._place.read_log(self._tally)
        return self._tally.window()

    def clear(self) -> tuple[str, ...]:
        """See :class:`Balancer`. Open-source nginx keeps no such tables."""
        return clear_tables(self._say) if self.proxy == "haproxy" else ()

    def _say(self, words: str) -> str:
        return ask(self._at.stats, words)

    def expected(self, files: Mapping[str, bytes]) -> tuple[Expected, ...]:
        """See :class:`Balancer`."""
        return expected_of(files, self._main, self.proxy, _in_stats if self.proxy == "haproxy" else self._as_logged)

    def _as_logged(self, upstream: Upstream) -> tuple[str, str] | None:
        if upstream.host.startswith("unix:"):
            return upstream.pool, upstream.host
        address = self._place.address_of(upstream.host, upstream.port)
        if not address:
            return None
        return upstream.pool, f"[{address}]:{upstream.port}" if ":" in address else f"{address}:{upstream.port}"


def _in_stats(upstream: Upstream) -> tuple[str, str]:
    return upstream.pool, re.sub(r":\d+$", "", upstream.label)
