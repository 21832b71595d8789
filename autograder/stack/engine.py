"""What an engine offers: nodes that run programs, and nothing about balancing.

``local.py`` and ``docker.py`` implement this; nobody else knows which one is running. Everything that knows a
balancer is in ``proxies/``; everything that joins the two is in ``running.py``.

The inside of every node looks the same on every engine:

====================================  =================================================================
``/opt/manyhands/nginx/nginx``        nginx
``/opt/manyhands/haproxy/haproxy``    HAProxy (its libraries beside it, in ``lib/``)
``/opt/manyhands/lib/autograder``     this package
``/opt/manyhands/lib``                beside it uvloop, h2 (with hpack and hyperframe) and dnslib; nothing else of ours
                                      may be imported there but the standard library
``/run/manyhands/journal/<server>``   on servers and clients only: one line for each request answered
``/run/manyhands/disk/<server>``      on servers only: the server's own small disk (1 MiB), which can be full
``/etc/hosts``                        every node's name and address, and the names in ``Balancer.around``
====================================  =================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autograder.stack.model import Stack

OPT = "/opt/manyhands"
JOURNAL = "/run/manyhands/journal"


class EngineError(ManyHandsError):
    """The engine itself failed or cannot run here: never the fault of a config or a submission."""


class NodeDownError(EngineError):
    """A program was to run on a node that is not up."""


TIMED_OUT = 124
"""The exit code of what was ended at its time limit, as of timeout(1)."""


@dataclass(frozen=True)
class Ran:
    """A program that ran on a node and ended. ``exit_code`` is :data:`TIMED_OUT` if it was ended at its time limit."""

    exit_code: int
    out: str
    err: str


@dataclass(frozen=True)
class Fetched:
    """The plain files of a folder, and a mark that changes when anything there is written, even the same again."""

    files: Mapping[str, bytes]
    mark: str


@dataclass(frozen=True)
class Job:
    """What an engine must know of a learner's program: folders it may write to, and sizes that a sandbox is made with.

    ``memory_bytes`` is what all its processes may have together, ``disk_bytes`` the size of each of its own disks.
    """

    writable: tuple[str, ...]
    memory_bytes: int
    disk_bytes: int
    processes: int


class Supervised(Protocol):
    """A warden (:mod:`autograder.stack.warden`) in a sandbox on a balancer's machine, and the program it watches."""

    def tell(self, line: bytes) -> None:
        """Send it a line. No-op if it is gone."""

    def end(self) -> None:
        """End it at once, with every process of its program; returns when they are gone. Safe to call twice."""


@dataclass(frozen=True)
class NodeState:
    """A node's main process.

    ``pid`` is as :meth:`Machines.call` on that node sees it; ``exit_code`` tells how it last ended, as a shell counts
    (137: killed by signal 9); ``starts`` how often it was started.
    """

    up: bool
    pid: int | None
    exit_code: int | None
    starts: int


class Machines(Protocol):
    """The nodes of one started stack. Safe to use from several threads.

    Every method raises :class:`EngineError` when the engine itself fails, and after :meth:`stop`.
    """

    engine: str
    published: tuple[str, int] | None
    """Host address and port of the first balancer for a browser on this machine, where the engine offers one."""
    taken: tuple[str, ...]
    """Addresses at which the engine itself answers in every node, so that nobody else can."""

    def address(self, node: str) -> str:
        """Address of a node as the other nodes see it: IPv4, or what a stand-in's ``address`` says."""

    def put(self, node: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Make ``folder`` hold exactly ``files`` (relative path → content). Works before the node's first start."""

    def start(self, node: str, argv: Sequence[str] | None = None) -> None:
        """Start a node's main process; servers and clients know theirs, a balancer is given ``argv`` the first time.

        Returns at once after the process exists; a no-op if it is up. After a crash this is a restart.
        """

    def kill(self, node: str, signal: str = "KILL") -> None:
        """Send a signal (``KILL``, ``HUP``, ``USR2``, ``STOP``, ``CONT``, ``TERM``, ``QUIT``) to the main process.

        After ``KILL`` this returns when the process is gone. No-op if it is not up.
        """

    def pause(self, node: str) -> None:
        """Freeze every process of a node, as a machine that hangs: connections stay, nothing answers. No-op if down."""

    def resume(self, node: str) -> None:
        """Let a paused node go on. No-op if it is not paused."""

    def run(self, node: str, argv: Sequence[str], timeout: float = 10.0) -> Ran:
        """Run a program beside the main process: same files, network and rights; ended at ``timeout`` seconds.

        On a balancer this works whether or not the main process is up, so that a config can be checked first.
        Output beyond 64 KiB a stream is cut.
        """

    def call(self, node: str, function: str, payload: Any, timeout: float = 60.0) -> Any:
        """Call ``"autograder.stack.procfs:workers"`` (module:function) with ``payload`` on a node; JSON in, JSON out.

        The function takes one argument and may be a coroutine function. On a balancer it runs with the engine's
        own rights, out of reach of what the balancer's config can do. A balancer must be up.
        Raises :class:`EngineError` with the function's error if it raised.
        """

    def state(self, node: str) -> NodeState:
        """What the node's main process is doing now."""

    def logs(self, node: str) -> str:
        """What the main process wrote to stdout and stderr, over all its starts (the last 256 KiB)."""

    def fetch(self, node: str, folder: str) -> Fetched:
        """Every plain file in a folder of a balancer, and of links to some; what is more than 32 MiB is left out.

        Raises :class:`EngineError` if there is no such folder.
        """

    def supervise(self, node: str, job: Job, hear: Callable[[str | None], None]) -> Supervised:
        """Start a warden on a balancer's machine, whether or not the balancer is up.

        ``hear`` is called for each line that it says, and with None when it is gone, from a thread that must not be
        kept waiting.
        """

    def stop(self) -> None:
        """End every process and remove every trace. Safe to call twice, also half-way through a failed start."""


class Engine(Protocol):
    """A way of running nodes."""

    name: str

    def open(self, stack: Stack) -> Machines:
        """Make the nodes of ``stack``; clients and servers are started and the servers accept connections.

        Balancers exist but are not started. Removes strays that a killed owner left behind. If anything fails,
        nothing is left and :class:`EngineError` says why and what to do.
        """
