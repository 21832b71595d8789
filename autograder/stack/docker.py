"""The Docker engine: a container per node, made through the Docker SDK for Python.

What a stack looks like on Docker is in :mod:`autograder.stack.docker_plan`, what runs inside the containers in
:mod:`autograder.stack.container` and :mod:`autograder.stack.hold`.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import os
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.stack.container import DOOR_PORT
from autograder.stack.docker_daemon import asking, connect, freeze
from autograder.stack.docker_exec import execute, give_order, read_line
from autograder.stack.docker_files import fetch_files, put_files
from autograder.stack.docker_image import ensure_image
from autograder.stack.docker_making import make
from autograder.stack.docker_owner import remove_stack, remove_strays
from autograder.stack.docker_plan import READY_SECONDS, Plan, python_on_node
from autograder.stack.docker_programs import check_runs, version_command
from autograder.stack.docker_reaper import stack_comes, stack_goes
from autograder.stack.docker_sidecar import Sidecar, sidecar
from autograder.stack.engine import TIMED_OUT, EngineError, NodeDownError, NodeState, Ran
from autograder.stack.local_sandbox import own_programs
from autograder.stack.model import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from autograder.stack.engine import Fetched, Job, Supervised
    from autograder.stack.model import Stack

_OUTPUT_KEPT = 64 * 1024
_ANSWER_KEPT = 64 * 1024 * 1024
_LOG_KEPT = 256 * 1024
_LOG_LINES = 4096
_GONE_SECONDS = 20
_MAIN_PID = 1
_NOT_YET = -1
_LISTENING = "autograder.stack.wait:listening"


class DockerEngine:
    """Stacks as containers."""

    name = "docker"

    def __init__(self, programs: Mapping[str, Path] | None = None) -> None:
        """``programs``: a user's own binaries to run instead of ours, by ``nginx`` and ``haproxy``."""
        self._programs = own_programs(programs or {})

    def open(self, stack: Stack) -> DockerMachines:
        """See :meth:`autograder.stack.engine.Engine.open`."""
        api = connect()
        try:
            with asking("prepare the stack"):
                remove_strays(api)
                image = ensure_image(api)
            machines = DockerMachines(api, Plan(stack, secrets.token_hex(4), image, 0, self._programs))
        except BaseException:
            api.close()
            raise
        try:
            stack_comes()
            machines.set_up()
        except BaseException:
            machines.stop()
            raise
        return machines


@dataclass
class _Node:
    """A node's container and what Docker does not remember about it.

    ``released`` tells a balancer that runs from one whose container only holds its place; ``machine`` is the container
    that owns a balancer's network; ``late`` are signals that came while the node was paused.
    """

    name: str
    is_balancer: bool
    container: str = ""
    machine: str = ""
    argv: tuple[str, ...] = ()
    released: bool = False
    starts: int = 0
    exit_code: int | None = None
    paused: bool = False
    witness: tuple[int, str] = (0, "")
    late: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)


class DockerMachines:
    """See :class:`autograder.stack.engine.Machines`."""

    engine = "docker"
    taken: tuple[str, ...] = ("127.0.0.11",)  # Docker's own name server

    def __init__(self, api: Any, plan: Plan) -> None:
        self.published: tuple[str, int] | None = None
        self._api = api
        self._plan = plan
        self._owner = os.getpid()
        self._numbers = itertools.count(1)
        self._stopped = False
        self._stopping = threading.Lock()
        balancers = {balancer.name for balancer in plan.places.held}
        self._nodes = {name: _Node(name, name in balancers) for name in plan.stack.nodes}
        atexit.register(self._stop_at_exit)

    def set_up(self) -> None:
        """Make everything and start servers and clients; returns when the servers accept connections."""
        with asking("set the stack up"):
            self._plan, containers = make(self._api, self._plan)
        for node in self._nodes.values():
            node.container = containers[self._plan.container_name(node.name)]
            if node.is_balancer:
                node.machine = containers[self._plan.machine_name(node.name)]
            else:
                node.released, node.starts = True, 1
        self._all_is_ready()
        self.published = self._find_published()
        self._check_programs()

    def _all_is_ready(self) -> None:
        """Wait until the network is furnished and the servers accept connections."""
        deaf = []
        for node in self._nodes.values():
            if node.name == CLIENTS or (node.is_balancer and self._plan.places.has_order(node.name)):
                container = node.machine or node.container
                with asking("read what the stack says", node.name):
                    report = read_line(self._api, container, 1, 2 * READY_SECONDS)
                    said = "" if report else self._api.logs(container, tail=_LOG_LINES).decode(errors="replace")
                if report is None:
                    raise EngineError(f"the network of {node.name} could not be set up", why=said.strip())
                deaf += json.loads(report)["deaf"]
        self._all_listen(deaf)

    def _all_listen(self, deaf: Sequence[Sequence[Any]]) -> None:
        if deaf:
            servers = self._plan.stack.servers
            names = [one.name for one in servers if [self._plan.places.host(one), one.port] in [*deaf]]
            raise EngineError(
                f"servers did not accept connections within {READY_SECONDS:.0f} s: {', '.join(names)}",
                why="; ".join(f"{name}: {self.logs(name).strip()[-300:]}" for name in names),
            )

    def _check_programs(self) -> None:
        """See that a user's own programs run on these nodes."""
        for balancer in self._plan.stack.balancers:
            if balancer.proxy in self._plan.programs:
                check_runs(
                    self.run(balancer.name, version_command(balancer.proxy)), self._plan.programs[balancer.proxy]
                )

    def _find_published(self) -> tuple[str, int] | None:
        with asking("tell the published port", CLIENTS):
            ports = self._api.inspect_container(self._nodes[CLIENTS].container)["NetworkSettings"]["Ports"]
        bound = ports.get(f"{DOOR_PORT}/tcp")
        return (bound[0]["HostIp"], int(bound[0]["HostPort"])) if bound else None

    def address(self, node: str) -> str:
        """See :class:`Machines`."""
        return self._plan.places.addresses[self._node(node).name]

    def put(self, node: str, folder: str, files: Mapping[str, bytes]) -> None:
        """See :class:`Machines`."""
        one = self._node(node)
        self._hold(one)
        with asking(f"put files on {node}", node):
            put_files(self._api, one.container, folder, files)

    def fetch(self, node: str, folder: str) -> Fetched:
        """See :class:`Machines`."""
        one = self._node(node)
        self._hold(one)
        with asking(f"read files on {node}", node):
            return fetch_files(self._api, one.container, folder)

    def supervise(self, node: str, job: Job, hear: Callable[[str | None], None]) -> Supervised:
        """See :class:`Machines`."""
        one = self._node(node)
        self._hold(one)  # it is what fills the folders at first
        with asking(f"start a program on {node}", node):
            return Sidecar(self._api, sidecar(self._plan, self._api, node, job, next(self._numbers)), hear)

    def start(self, node: str, argv: Sequence[str] | None = None) -> None:
        """See :class:`Machines`."""
        one = self._node(node)
        with one.lock, asking(f"start {node}", node):
            one.argv = tuple(argv or one.argv)
            if self.state(node).up:
                return
            if one.is_balancer and not one.argv:
                raise EngineError(f"{node} has not been told what to run", remedy="give start() a command line")
            self._api.start(one.container)  # a no-op for a balancer's container that holds
            order = one.argv if one.is_balancer else self._plan.shop(node)
            give_order(self._api, one.container, json.dumps(order).encode() + b"\n")
            one.released = True
            one.starts += 1
        if not one.is_balancer:
            server = self._plan.stack.server(node)
            home = self._nodes[self._plan.places.home[node]]
            payload = {"addresses": [[self._plan.places.host(server), server.port]], "timeout": READY_SECONDS}
            with asking(f"start {node}", node):
                self._all_listen(self._call_in(home.machine or home.container, home.name, _LISTENING, payload))

    def kill(self, node: str, signal: str = "KILL") -> None:
        """See :class:`Machines`."""
        one = self._node(node)
        with one.lock:
            if node == CLIENTS or not self.state(node).up:
                return
            if one.paused and signal != "KILL":
                one.late.append(signal)  # as a frozen process gets it: when it goes on
                return
            self.resume(node)
            try:
                with asking(f"send {signal} to {node}", node):
                    self._api.kill(one.container, signal)
                    if signal == "KILL":
                        self._api.wait(one.container, timeout=_GONE_SECONDS)
            except NodeDownError:
                return  # it ended in between

    def pause(self, node: str) -> None:
        """See :class:`Machines`."""
        one = self._node(node)
        with one.lock:
            if one.paused or not self.state(node).up:
                return
            with contextlib.suppress(NodeDownError), asking(f"pause {node}", node):
                freeze(self._api, one.container)
                one.paused = True

    def resume(self, node: str) -> None:
        """See :class:`Machines`."""
        one = self._node(node)
        with one.lock:
            if not one.paused:
                return
            with contextlib.suppress(NodeDownError), asking(f"resume {node}", node):
                self._api.unpause(one.container)
            one.paused = False
            late, one.late = one.late, []
            for signal in late:
                self.kill(node, signal)

    def run(self, node: str, argv: Sequence[str], timeout: float = 10.0) -> Ran:
        """See :class:`Machines`."""
        one = self._node(node)
        self._hold(one)
        with asking(f"run {argv[0]} on {node}", node):
            user = self._plan.user(node)
            code, out, err = execute(self._api, one.container, argv, timeout=timeout, limit=_OUTPUT_KEPT, user=user)
        return Ran(code, out.decode(errors="replace"), err.decode(errors="replace"))

    def call(self, node: str, function: str, payload: Any, timeout: float = 60.0) -> Any:
        """See :class:`Machines`."""
        import docker.errors

        one = self._node(node)
        with asking(f"call {function} on {node}", node):
            if not self.state(node).up:
                raise NodeDownError(f"{node} is not running", remedy=f"start {node} first")
            try:
                container = self._witness(one) if one.is_balancer else one.container
                return self._call_in(container, node, function, payload, timeout)
            except docker.errors.APIError:
                if self.state(node).up:
                    raise
                raise NodeDownError(f"{node} went down during a call", remedy=f"start {node} first") from None

    def _call_in(self, container: str, node: str, function: str, payload: Any, timeout: float = 60.0) -> Any:
        code, out, err = execute(
            self._api,
            container,
            python_on_node("call", function),
            stdin=json.dumps(payload).encode(),
            timeout=timeout,
            limit=_ANSWER_KEPT,
            user=self._plan.user(node),
        )
        if code == TIMED_OUT:
            raise EngineError(f"{function} on {node} took longer than {timeout:.0f} s")
        try:
            reply = json.loads(out)
        except ValueError:
            if not self.state(node).up:
                raise NodeDownError(f"{node} went down during a call", remedy=f"start {node} first") from None
            why = err.decode(errors="replace").strip()[-2000:]
            raise EngineError(f"{function} on {node} ended with code {code}", why=why) from None
        if "error" in reply:
            raise EngineError(f"{function} failed on {node}", why=reply["error"])
        return reply["ok"]

    def state(self, node: str) -> NodeState:
        """See :class:`Machines`."""
        one = self._node(node)
        with one.lock, asking(f"tell the state of {node}", node):
            now = self._api.inspect_container(one.container)["State"]
            if not now["Running"] and one.released:
                one.released = False
                one.exit_code = now["ExitCode"]
                one.paused, one.late = False, []
            if one.released:
                return NodeState(up=True, pid=_MAIN_PID, exit_code=None, starts=one.starts)
            return NodeState(up=False, pid=None, exit_code=one.exit_code, starts=one.starts)

    def logs(self, node: str) -> str:
        """See :class:`Machines`."""
        one = self._node(node)
        with asking(f"read the logs of {node}", node):
            text: bytes = self._api.logs(one.container, tail=_LOG_LINES)
        return text[-_LOG_KEPT:].decode(errors="replace")

    def stop(self) -> None:
        """See :class:`Machines`."""
        self._end(at_once=True)
        atexit.unregister(self._stop_at_exit)

    def _end(self, at_once: bool) -> None:
        with self._stopping:
            if self._stopped:
                return
            with asking("remove the stack"):
                remove_stack(self._api, self._plan.key, at_once)
            stack_goes()
            self._stopped = True
            self._api.close()

    def _stop_at_exit(self) -> None:
        if os.getpid() == self._owner:  # a forked child has a copy of us, but the stack is not its
            self._end(at_once=False)

    def _node(self, name: str) -> _Node:
        if self._stopped:
            raise EngineError("this stack has been stopped", remedy="open a new one")
        if name not in self._nodes:
            raise EngineError(f"this stack has no node called {name!r}", why=f"it has {', '.join(self._nodes)}")
        return self._nodes[name]

    def _hold(self, one: _Node) -> None:
        """See that a balancer's container is there to run something in, whether or not the balancer is up."""
        if one.is_balancer:
            with one.lock, asking(f"prepare {one.name}", one.name):
                if not self.state(one.name).up:
                    self._api.start(one.container)

    def _witness(self, one: _Node) -> str:
        """Container to look at a balancer from; made when first needed, and anew after each start."""
        with one.lock:
            starts, container = one.witness
            if starts != one.starts:
                if container:
                    self._api.remove_container(container, force=True)
                how = self._plan.witness(self._api, one.name, one.container)
                container = self._api.create_container(**how)["Id"]
                one.witness = (_NOT_YET, container)
                self._api.start(container)
                one.witness = (one.starts, container)
            return container
