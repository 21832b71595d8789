"""This machine: a folder, a pid file, an access log, process titles."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.guard.balancer import BalancerError
from autograder.guard.balancers import files as on_disk
from autograder.guard.balancers.access_log import AccessLog
from autograder.guard.balancers.place import Ran
from autograder.stack.procfs import family
from autograder.stack.proxies.nginx_processes import serving

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from autograder.guard.settings import BalancerAt
    from autograder.guard.tally import Tally

_RUN_S = 30.0


class ThisMachine:
    """See :class:`autograder.guard.balancers.place.Place`."""

    def __init__(self, at: BalancerAt) -> None:
        self._at, self._folder = at, Path(at.folder)
        self._log = AccessLog(Path(at.access_log)) if at.access_log else None

    def read(self, names: Collection[str]) -> dict[str, bytes]:
        """See :class:`Place`."""
        return on_disk.read(self._folder, names)

    def write(self, files: Mapping[str, bytes], gone: Collection[str], last: str) -> None:
        """See :class:`Place`."""
        on_disk.write(self._folder, files, gone, last)

    @contextlib.contextmanager
    def tried(self, files: Mapping[str, bytes]) -> Iterator[str]:
        """See :class:`Place`."""
        with on_disk.tried(self._folder, files) as copy:
            yield str(copy)

    def run(self, words: Sequence[str]) -> Ran:
        """See :class:`Place`."""
        try:
            ran = subprocess.run(
                list(words), stdin=subprocess.DEVNULL, capture_output=True, timeout=_RUN_S, check=False
            )
        except OSError as error:
            raise BalancerError(
                f"{self._at.name}: {words[0]} cannot be run",
                where=words[0],
                why=error.strerror or "",
                remedy="say program = (its path) in guard.toml",
            ) from None
        except subprocess.TimeoutExpired:
            raise BalancerError(f"{self._at.name}: {words[0]} took more than {_RUN_S:.0f} s") from None
        return Ran(ran.returncode, (ran.stderr + ran.stdout).decode(errors="replace"))

    def program(self, name: str) -> str:
        """See :class:`Place`."""
        return shutil.which(name) or name

    def tell(self, signal: int) -> None:
        """See :class:`Place`."""
        try:
            os.kill(self._master(), signal)
        except OSError as error:
            raise BalancerError(
                f"{self._at.name} cannot be told to reload", where=self._at.pid_file, why=error.strerror or ""
            ) from None

    def _master(self) -> int:
        try:
            return int(Path(self._at.pid_file).read_text(encoding="utf-8").split()[0])
        except (OSError, ValueError, IndexError) as error:
            raise BalancerError(
                f"{self._at.name} does not seem to be up",
                where=self._at.pid_file,
                why=str(getattr(error, "strerror", "") or "there is no pid in this file"),
                remedy="start it, or say the right pid_file in guard.toml",
            ) from None

    def nginx_workers(self) -> frozenset[str]:
        """See :class:`Place`: pids, with when they began (pids come again)."""
        taking = [one for one in serving(family(self._master(), accepting=False)) if one.pid]
        return frozenset(f"{one.pid}-{_began(one.pid)}" for one in taking)

    def read_log(self, tally: Tally) -> None:
        """See :class:`Place`."""
        try:
            if self._log is not None:
                self._log.read(tally)
        except OSError as error:
            raise BalancerError(
                f"{self._at.name}: its access log cannot be read",
                where=self._at.access_log,
                why=error.strerror or "",
                remedy="the documentation (reference/guard) has the two lines that nginx needs",
            ) from None

    def address_of(self, host: str, port: int) -> str:
        """See :class:`Place`."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return ""
        return str(found[0][4][0])


def _began(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(") ", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
