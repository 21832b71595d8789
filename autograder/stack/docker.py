"""The Docker engine: a container per node, made through the Docker SDK for Python.

What a stack looks like on Docker is in :mod:`autograder.stack.docker_plan`, what runs inside the containers in
:mod:`autograder.stack.container` and :mod:`autograder.stack.hold`.
"""

from __future__ import annotations

import atexit
import io
import ipaddress
import json
import os
import posixpath
import random
import secrets
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from autograder.stack.container import DOOR_PORT
from autograder.stack.docker_daemon import asking, connect
from autograder.stack.docker_exec import TIMED_OUT, execute, give_order, read_line
from autograder.stack.docker_image import ensure_image
from autograder.stack.docker_owner import remove_stack, remove_strays
from autograder.stack.docker_plan import NUMBERS, READY_SECONDS, Plan, python_on_node
from autograder.stack.engine import EngineError, NodeDownError, NodeState, Ran
from autograder.stack.model import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from autograder.stack.model import Stack

_AT_ONCE = 8
_OUTPUT_KEPT = 64 * 1024
_ANSWER_KEPT = 64 * 1024 * 1024
_LOG_KEPT = 256 * 1024
_LOG_LINES = 4096
_PUT_SECONDS = 30.0
_GONE_SECONDS = 20
_MAIN_PID = 1

# A link or a file in the folder's place goes too; nothing else is left in it.
_UNPACK = """
set -e
if [ -L "$1" ] || [ -f "$1" ]; then rm -f -- "$1"; fi
mkdir -p -- "$1"
find "$1" -mindepth 1 -delete
exec tar --extract --no-same-owner --directory "$1" --file -
"""


class DockerEngine:
    """Stacks as containers."""

    name = "docker"

    def open(self, stack: Stack) -> DockerMachines:
        """See :meth:`autograder.stack.engine.Engine.open`."""
        api = connect()
        try:
            with asking("prepare the stack"):
                remove_strays(api)
                image = ensure_image(api)
            machines = DockerMachines(api, Plan(stack, secrets.token_hex(4), image, 0))
        except BaseException:
            api.close()
            raise
        try:
            machines.set_up()
        except BaseException:
            machines.stop()
            raise
        return machines


@dataclass
class _Node:
    """A node's container and what Docker does not remember about it.

    ``released`` tells a balancer that runs from one whose container only holds its place.
    """

    name: str
    is_balancer: bool
    container: str = ""
    argv: tuple[str, ...] = ()
    released: bool = False
    starts: int = 0
    exit_code: int | None = None
    witness: tuple[int, str] = (0, "")
    lock: threading.RLock = field(default_factory=threading.RLock)


class DockerMachines:
    """See :class:`autograder.stack.engine.Machines`."""

    engine = "docker"

    def __init__(self, api: Any, plan: Plan) -> None:
        self.published: tuple[str, int] | None = None
        self._api = api
        self._plan = plan
        self._owner = os.getpid()
        self._stopped = False
        self._stopping = threading.Lock()
        balancers = {balancer.name for balancer in plan.stack.balancers}
        self._nodes = {name: _Node(name, name in balancers) for name in plan.stack.nodes}
        atexit.register(self._stop_at_exit)

    def set_up(self) -> None:
        """Make everything and start servers and clients; returns when the servers accept connections."""
        with asking("set the stack up"), ThreadPoolExecutor(_AT_ONCE) as pool:
            volumes = [pool.submit(self._api.create_volume, name, **how) for name, how in self._plan.volumes().items()]
            self._plan = self._claim_networks(pool)
            for volume in volumes:
                volume.result()
            list(pool.map(self._make, self._nodes.values()))
        self._clients_are_ready()

    def _claim_networks(self, pool: ThreadPoolExecutor) -> Plan:
        """Create both networks on addresses that nobody on this daemon has; another stack may be as quick."""
        import docker.errors

        free = _free_numbers(self._api.networks())
        random.shuffle(free)
        for number in free:
            plan = self._plan.with_number(number)
            try:
                _each(pool, partial(self._create_network, plan), plan.networks())
            except docker.errors.APIError as error:
                if "overlap" not in str(error.explanation):
                    raise
                _remove_networks(self._api, plan)
                continue
            return plan
        raise EngineError(
            "no addresses are free for another stack",
            why=f"all {len(NUMBERS)} networks of 198.18.0.0/16 are taken on this Docker daemon",
            remedy="stop a stack; docker network ls shows them",
        )

    def _create_network(self, plan: Plan, network: str) -> None:
        from docker.types import IPAMConfig, IPAMPool

        ipam = IPAMConfig(pool_configs=[IPAMPool(**plan.pool(network))])
        self._api.create_network(network, ipam=ipam, **plan.networks()[network])

    def _make(self, node: _Node) -> None:
        node.container = self._api.create_container(**self._plan.container(self._api, node.name))["Id"]
        if node.name == CLIENTS:
            self._api.connect_container_to_network(
                node.container, self._plan.wire, ipv4_address=self._plan.addresses()[CLIENTS]
            )
        self._api.start(node.container)
        if not node.is_balancer:
            node.released = True
            node.starts = 1

    def _find_published(self) -> tuple[str, int] | None:
        with asking("tell the published port", CLIENTS):
            ports = self._api.inspect_container(self._nodes[CLIENTS].container)["NetworkSettings"]["Ports"]
        bound = ports.get(f"{DOOR_PORT}/tcp")
        return (bound[0]["HostIp"], int(bound[0]["HostPort"])) if bound else None

    def _clients_are_ready(self) -> None:
        """Wait until the clients own their addresses and the servers accept connections."""
        clients = self._nodes[CLIENTS]
        with asking("read what the clients say", CLIENTS):
            report = read_line(self._api, clients.container, clients.starts, 2 * READY_SECONDS)
        if report is None:
            raise EngineError("the clients' container did not start", why=self.logs(CLIENTS).strip())
        self.published = self._find_published()
        self._all_listen(json.loads(report)["deaf"])

    def _all_listen(self, deaf: Sequence[tuple[str, int]]) -> None:
        if deaf:
            names = [name for name, address in self._plan.addresses().items() if address in {host for host, _ in deaf}]
            raise EngineError(
                f"servers did not accept connections within {READY_SECONDS:.0f} s: {', '.join(names)}",
                why="; ".join(f"{name}: {self.logs(name).strip()[-300:]}" for name in names),
            )

    def address(self, node: str) -> str:
        """See :class:`Machines`."""
        return self._plan.addresses()[self._node(node).name]

    def put(self, node: str, folder: str, files: Mapping[str, bytes]) -> None:
        """See :class:`Machines`."""
        one = self._node(node)
        packed = _pack(folder, files)
        self._hold(one)
        with asking(f"put files on {node}", node):
            command = ["sh", "-c", _UNPACK, "put", folder]
            code, _, err = execute(
                self._api, one.container, command, stdin=packed, timeout=_PUT_SECONDS, limit=_OUTPUT_KEPT
            )
        if code:
            raise EngineError(
                f"the files could not be put into {folder} on {node}", why=err.decode(errors="replace").strip()
            )

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
            if one.is_balancer:
                give_order(self._api, one.container, json.dumps(one.argv).encode() + b"\n")
            one.released = True
            one.starts += 1
        if node == CLIENTS:
            self._clients_are_ready()
        elif not one.is_balancer and self.state(CLIENTS).up:
            addresses = [[self.address(node), self._plan.stack.server(node).port]]
            payload = {"addresses": addresses, "timeout": READY_SECONDS}
            self._all_listen(self.call(CLIENTS, "autograder.stack.wait:listening", payload))

    def kill(self, node: str, signal: str = "KILL") -> None:
        """See :class:`Machines`."""
        one = self._node(node)
        with one.lock:
            if not self.state(node).up:
                return
            try:
                with asking(f"send {signal} to {node}", node):
                    self._api.kill(one.container, signal)
                    if signal == "KILL":
                        self._api.wait(one.container, timeout=_GONE_SECONDS)
            except NodeDownError:
                return  # it ended in between

    def run(self, node: str, argv: Sequence[str], timeout: float = 10.0) -> Ran:
        """See :class:`Machines`."""
        one = self._node(node)
        self._hold(one)
        with asking(f"run {argv[0]} on {node}", node):
            code, out, err = execute(self._api, one.container, argv, timeout=timeout, limit=_OUTPUT_KEPT)
        return Ran(code, out.decode(errors="replace"), err.decode(errors="replace"))

    def call(self, node: str, function: str, payload: Any, timeout: float = 60.0) -> Any:
        """See :class:`Machines`."""
        one = self._node(node)
        with asking(f"call {function} on {node}", node):
            if not self.state(node).up:
                raise NodeDownError(f"{node} is not running", remedy=f"start {node} first")
            container = self._witness(one) if one.is_balancer else one.container
            code, out, err = execute(
                self._api,
                container,
                python_on_node("call", function),
                stdin=json.dumps(payload).encode(),
                timeout=timeout,
                limit=_ANSWER_KEPT,
            )
        return self._answer(node, function, timeout, Ran(code, out.decode(), err.decode(errors="replace")))

    def _answer(self, node: str, function: str, timeout: float, ran: Ran) -> Any:
        if ran.exit_code == TIMED_OUT:
            raise EngineError(f"{function} on {node} took longer than {timeout:.0f} s")
        try:
            reply = json.loads(ran.out)
        except ValueError:
            if not self.state(node).up:
                raise NodeDownError(f"{node} went down during a call", remedy=f"start {node} first") from None
            why = ran.err.strip()[-2000:]
            raise EngineError(f"{function} on {node} ended with code {ran.exit_code}", why=why) from None
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
                one.witness = (one.starts, container)
                self._api.start(container)
            return container


def _remove_networks(api: Any, plan: Plan) -> None:
    """Give back the networks of a stack that lost a race for its addresses."""
    for network in api.networks(names=list(plan.networks())):
        api.remove_network(network["Id"])


def _free_numbers(networks: Iterable[Mapping[str, Any]]) -> list[int]:
    taken = [
        ipaddress.ip_network(pool["Subnet"])
        for network in networks
        for pool in network["IPAM"]["Config"] or ()
        if "Subnet" in pool and ":" not in pool["Subnet"]
    ]
    candidates = {number: ipaddress.ip_network(f"198.18.{number}.0/24") for number in NUMBERS}
    return [number for number, mine in candidates.items() if not any(mine.overlaps(other) for other in taken)]


def _each(pool: ThreadPoolExecutor, do: Callable[[str], Any], names: Iterable[str]) -> None:
    """Do it for all names at once; wait for all, then raise the first error."""
    jobs = [pool.submit(do, name) for name in names]
    errors = [error for job in jobs if (error := job.exception())]
    if errors:
        raise errors[0]


def _pack(folder: str, files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            inside = posixpath.normpath(f"{folder}/{name}")
            if not inside.startswith(f"{posixpath.normpath(folder)}/"):
                raise EngineError(f"the file name {name!r} leads out of {folder}", remedy="use a name inside it")
            entry = tarfile.TarInfo(posixpath.relpath(inside, folder))
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
