"""A container: its files by Docker's archives or by a folder that it mounts, its processes and its output by Docker.

What is copied into a container is lost when the container is made anew; a mounted folder (``mount``) is not.
"""

from __future__ import annotations

import contextlib
import ipaddress
import secrets
import signal as of_signals
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.guard.balancer import BalancerError
from autograder.guard.balancers import files as on_disk
from autograder.guard.balancers.access_log import AccessLog
from autograder.guard.balancers.container_output import ContainerOutput
from autograder.guard.balancers.one_container import OneContainer
from autograder.stack.proxies.nginx_processes import serving

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from autograder.guard.balancers.place import Ran
    from autograder.guard.settings import BalancerAt
    from autograder.guard.tally import Tally

_COPIED = "/tmp"


class Container:
    """See :class:`autograder.guard.balancers.place.Place`."""

    def __init__(self, at: BalancerAt) -> None:
        self._at, self._container = at, OneContainer(at.name, at.container)
        self._mount = Path(at.mount) if at.mount else None
        self._log = AccessLog(Path(at.access_log)) if at.access_log else None
        self._output = ContainerOutput(self._container.follow, self._container.clock, at.name)

    def read(self, names: Collection[str]) -> dict[str, bytes]:
        """See :class:`Place`."""
        if self._mount:
            return on_disk.read(self._mount, names)
        there = self._container.fetch(self._at.folder)
        return {name: there[name] for name in names if name in there}

    def write(self, files: Mapping[str, bytes], gone: Collection[str], last: str) -> None:
        """See :class:`Place`."""
        if self._mount:
            on_disk.write(self._mount, files, gone, last)
            return
        self._container.put(
            self._at.folder, {name: files[name] for name in sorted(files, key=lambda name: name == last)}
        )
        if lost := [f"{self._at.folder}/{name}" for name in gone if name not in files]:
            self.run(["rm", "-f", "--", *lost])

    @contextlib.contextmanager
    def tried(self, files: Mapping[str, bytes]) -> Iterator[str]:
        """See :class:`Place`."""
        if self._mount:
            # Beside the config: there a container that can write nowhere else finds it, too.
            with on_disk.tried(self._mount, files, within=self._mount) as copy:
                yield f"{self._at.folder}/{copy.name}"
            return
        trial = f"many-hands-{secrets.token_hex(4)}"
        inside = f"{_COPIED}/{trial}"
        self._container.put(_COPIED, _below(trial, {**self._container.fetch(self._at.folder), **files}))
        try:
            yield inside
        finally:
            self.run(["rm", "-rf", "--", inside])

    def run(self, words: Sequence[str]) -> Ran:
        """See :class:`Place`."""
        return self._container.run(words)

    def program(self, name: str) -> str:
        """See :class:`Place`."""
        return name

    def tell(self, signal: int) -> None:
        """See :class:`Place`."""
        self._container.kill(of_signals.Signals(signal).name)

    def nginx_workers(self) -> frozenset[str]:
        """See :class:`Place`: pids, as the machine that the container is on has them."""
        return frozenset(str(one.pid) for one in serving(self._container.processes()) if one.pid)

    def read_log(self, tally: Tally) -> None:
        """See :class:`Place`."""
        if self._log is None:
            self._container.must_run()
            self._output.read(tally)
            return
        try:
            self._log.read(tally)
        except OSError as error:
            raise BalancerError(
                f"{self._at.name}: its access log cannot be read",
                where=self._at.access_log,
                why=error.strerror or "",
                remedy="leave access_log out if nginx writes that log to /dev/stdout",
            ) from None

    def address_of(self, host: str, port: int) -> str:  # noqa: ARG002 - a name has an address whatever the port
        """See :class:`Place`: names mean what they mean in the container."""
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(host.strip("[]")))
        ran = self.run(["getent", "ahosts", host])
        return ran.said.split()[0] if ran.code == 0 and ran.said.split() else ""


def _below(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": content for name, content in files.items()}
