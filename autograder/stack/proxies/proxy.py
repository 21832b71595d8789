"""What the stack asks of a balancer program.

A config is *loaded* when a running worker carries its marker: a word that we add beside the config (never in it),
different for every apply. So the answer to "which config runs?" is read from the running processes, not from disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.engine import Machines

MARKER_FOLDER = "/run/manyhands/marker"


@dataclass(frozen=True)
class ConfigFault:
    """Why a balancer refuses a config. ``file`` is relative to the config folder; ``line`` 0 when it names none."""

    message: str
    file: str
    line: int

    def __str__(self) -> str:
        """``nginx.conf:12: unknown directive "sevrer"``."""
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return where + self.message


@dataclass(frozen=True)
class Loaded:
    """What runs. ``markers`` are those of workers that accept connections: exactly one when a reload is complete.

    ``draining`` counts old workers that only finish what they have. ``up`` is False when the program is gone.
    ``said`` is what the program wrote about a reload that failed.
    """

    up: bool
    markers: tuple[str, ...]
    draining: int
    said: str = ""


@dataclass(frozen=True)
class Worker:
    """One worker process. ``connections`` are open ones of all kinds; ``draining``: it takes no new ones."""

    pid: int
    age_s: float
    draining: bool
    connections: int


@dataclass(frozen=True)
class ServerNow:
    """A server as the program sees it now. ``weight`` and ``sessions`` are its own numbers.

    ``check`` is how its last health check ended, in the program's own word (HAProxy: ``L4OK``, ``L7STS``; ``INI``
    before the first); empty if nothing checks it.
    """

    pool: str
    name: str
    address: str
    status: str
    weight: float
    sessions: int
    check: str = ""


@dataclass(frozen=True)
class RunTime:
    """What a balancer's processes do now.

    ``listening`` are the places it takes connections at (``0.0.0.0:80``, ``[::]:443``, ``unix:/path``); ``connections``
    counts the established ones to each server's ``address:port``; ``servers`` is empty where the program does not tell.
    """

    version: str
    workers: tuple[Worker, ...] = ()
    listening: tuple[str, ...] = ()
    connections: Mapping[str, int] = field(default_factory=dict)
    servers: tuple[ServerNow, ...] = ()


class Proxy(Protocol):
    """One balancer program."""

    name: str
    folder: str
    """Where its config lives on the node."""
    reload_signals: tuple[str, ...]
    """Signals that make its main process read its config again."""

    def command(self, config: str) -> tuple[str, ...]:
        """Command line of the main process, in the foreground."""

    def check_command(self, folder: str, config: str) -> tuple[str, ...]:
        """Command line that checks a config and ends with 0 if it is valid."""

    def marker(self, word: str) -> Mapping[str, bytes]:
        """Files of :data:`MARKER_FOLDER` that make workers started from now on carry ``word``."""

    def faults(self, output: str, folder: str) -> tuple[ConfigFault, ...]:
        """What the check's output complains about, worst first."""

    def reload(self, machines: Machines, node: str) -> str:
        """Ask for a reload. Returns what the program said if it refused, else an empty string."""

    def say(self, machines: Machines, node: str, socket: str, text: str) -> str:
        """Its answer to words said to its ``master`` or ``runtime`` socket; empty where it has none."""

    def wait_loaded(self, machines: Machines, node: str, word: str, timeout: float) -> Loaded:
        """Wait until only workers with this marker accept connections, or the program says that it will not load it.

        Returns the state then, or at the time limit.
        """

    def loaded(self, machines: Machines, node: str) -> Loaded:
        """What runs now."""

    def runtime(self, machines: Machines, node: str) -> RunTime:
        """What its processes do now. Raises :class:`~autograder.stack.engine.NodeDownError` if it is not up."""


def proxy_named(name: str) -> Proxy:
    """The balancer program called ``nginx`` or ``haproxy``."""
    if name == "nginx":
        from autograder.stack.proxies.nginx import Nginx

        return Nginx()
    from autograder.stack.proxies.haproxy import HAProxy

    return HAProxy()
