"""nginx and HAProxy on this machine: files, signals, HAProxy's sockets, nginx's access log and process titles.

Neither tells which config it runs. So what is running is known by who runs: workers that were not there before a
reload have read what lay in the folder when it was asked for.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.guard.balancer import BalancerError, Expected, RefusedError, expected_of
from autograder.guard.balancers import files as on_disk
from autograder.guard.balancers.access_log import AccessLog
from autograder.guard.balancers.runtime_api import StatsReader, ask, clear_tables, worker
from autograder.guard.tally import Tally
from autograder.stack.procfs import family, wait_until
from autograder.stack.proxies.nginx_processes import serving
from autograder.stack.proxies.proxy import proxy_named

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from autograder.guard.counts import Window
    from autograder.guard.settings import BalancerAt
    from autograder.stack.proxies.reading import Upstream

_LOAD_S = 60.0
_SIGNAL_S = 5.0
_CHECK_S = 30.0
_HEARS_S = 2.0


class LocalBalancer:
    """See :class:`autograder.guard.balancer.Balancer`."""

    def __init__(self, at: BalancerAt, main: str) -> None:
        self.name, self.proxy = at.name, at.proxy
        self._at, self._main = at, main
        self._folder = Path(at.folder)
        self._tally = Tally()
        self._log = AccessLog(Path(at.access_log)) if at.proxy == "nginx" else None
        self._stats = StatsReader(self._say)
        self._loaded: tuple[Mapping[str, bytes], frozenset[str]] | None = None
        """What was loaded last, and the workers that had been there before."""

    def check(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """See :class:`Balancer`."""
        if self._main not in files:
            return (f"there is no {self._main}",)
        with on_disk.tried(self._folder, files) as copy:
            ran = self._run(self._check_command(copy))
            if ran.returncode == 0:
                return ()
            said = (ran.stderr + ran.stdout).decode(errors="replace")
            faults = proxy_named(self.proxy).faults(said, str(copy))
            return tuple(str(one) for one in faults) or (said.strip()[-300:] or f"it ended with {ran.returncode}",)

    def _check_command(self, folder: Path) -> list[str]:
        if self._at.check:
            return [word.replace("{folder}", str(folder)) for word in self._at.check]
        program = self._at.program or shutil.which(self.proxy) or self.proxy
        config = str(folder / self._main)
        if self.proxy == "nginx":
            # the running one's pid file must not be touched: -t only opens what it would write
            return [program, "-t", "-q", "-c", config]
        return [program, "-c", "-C", str(folder), "-f", config]

    def _run(self, words: list[str]) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_CHECK_S, check=False)
        except OSError as error:
            raise BalancerError(
                f"{self.name}: {words[0]} cannot be run",
                where=words[0],
                why=error.strerror or "",
                remedy="say program = (its path) in guard.toml",
            ) from None
        except subprocess.TimeoutExpired:
            raise BalancerError(f"{self.name}: {words[0]} took more than {_CHECK_S:.0f} s") from None

    def installed(self, names: Collection[str]) -> Mapping[str, bytes]:
        """See :class:`Balancer`."""
        return on_disk.read(self._folder, names)

    def load(self, files: Mapping[str, bytes], gone: Collection[str]) -> None:
        """See :class:`Balancer`."""
        self._loaded = None
        on_disk.write(self._folder, files, gone, self._main)
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
                where=str(self._folder),
                why="its error log says more",
            )
        self._loaded = (dict(files), before)

    def _fresh(self, before: frozenset[str]) -> bool:
        now = self._workers()
        return bool(now) and not now & before

    def _reload(self) -> None:
        if self._at.reload:
            ran = self._run(list(self._at.reload))
            if ran.returncode:
                said = (ran.stderr + ran.stdout).decode(errors="replace").strip()[-300:]
                raise RefusedError(f"{self.name} refuses to reload", why=said)
            return
        if self._at.master:
            # A master that has only just started its worker does not hear for a moment.
            wait_until(self._master_hears, _HEARS_S)
            said = ask(self._at.master, "reload", _LOAD_S)
            if "Success=0" in said:
                raise RefusedError(f"{self.name} refuses the config", why=said.strip()[-300:])
            return
        try:
            os.kill(self._master(), signal.SIGHUP if self.proxy == "nginx" else signal.SIGUSR2)
        except OSError as error:
            raise BalancerError(
                f"{self.name} cannot be told to reload", where=self._at.pid_file, why=error.strerror or ""
            ) from None

    def _master_hears(self) -> bool:
        try:
            return bool(ask(self._at.master, "show version"))
        except BalancerError:
            return False

    def _master(self) -> int:
        try:
            return int(Path(self._at.pid_file).read_text(encoding="utf-8").split()[0])
        except (OSError, ValueError, IndexError) as error:
            raise BalancerError(
                f"{self.name} does not seem to be up",
                where=self._at.pid_file,
                why=str(getattr(error, "strerror", "") or "there is no pid in this file"),
                remedy="start it, or say the right pid_file in guard.toml",
            ) from None

    def _workers(self) -> frozenset[str]:
        """Who takes connections now: pids, with when they began (pids come again)."""
        if self.proxy == "haproxy":
            try:
                return frozenset({worker(self._say)} - {""})
            except BalancerError:
                return frozenset()  # between two workers nobody answers for a moment
        taking = [one for one in serving(family(self._master(), accepting=False)) if one.pid]
        return frozenset(f"{one.pid}-{_began(one.pid)}" for one in taking)

    def runs(self, files: Mapping[str, bytes]) -> bool:
        """See :class:`Balancer`."""
        if self._loaded is None or self._loaded[0] != files or on_disk.read(self._folder, files) != files:
            return False
        return self._fresh(self._loaded[1])

    def counts(self) -> Window:
        """See :class:`Balancer`."""
        if self._log is None:
            self._stats.read(self._tally)
            return self._tally.window()
        try:
            self._log.read(self._tally)
        except OSError as error:
            raise BalancerError(
                f"{self.name}: its access log cannot be read",
                where=self._at.access_log,
                why=error.strerror or "",
                remedy="the documentation (reference/guard) has the two lines that nginx needs",
            ) from None
        return self._tally.window()

    def clear(self) -> tuple[str, ...]:
        """See :class:`Balancer`. Open-source nginx keeps no such tables."""
        return clear_tables(self._say) if self.proxy == "haproxy" else ()

    def _say(self, words: str) -> str:
        return ask(self._at.stats, words)

    def expected(self, files: Mapping[str, bytes]) -> tuple[Expected, ...]:
        """See :class:`Balancer`."""
        return expected_of(files, self._main, self.proxy, _in_stats if self.proxy == "haproxy" else _as_logged)


def _in_stats(upstream: Upstream) -> tuple[str, str]:
    return upstream.pool, re.sub(r":\d+$", "", upstream.label)


def _as_logged(upstream: Upstream) -> tuple[str, str] | None:
    if upstream.host.startswith("unix:"):
        return upstream.pool, upstream.host
    try:
        found = socket.getaddrinfo(upstream.host, upstream.port, type=socket.SOCK_STREAM)
    except OSError:
        return None
    address = found[0][4][0]
    return upstream.pool, f"[{address}]:{upstream.port}" if ":" in str(address) else f"{address}:{upstream.port}"


def _began(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(") ", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
