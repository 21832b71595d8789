"""The process that keeps a local stack: it runs inside the stack's namespaces and obeys its owner.

It is started by :mod:`autograder.stack.local` under bubblewrap, with nothing but the standard library and uvloop.
Requests come in on standard input and replies go out on standard output, a line of JSON each: ``{"id": 3, "do":
"run", …}`` → ``{"id": 3, "ok": …}`` or ``{"id": 3, "error": "…"}``. When standard input closes, or the owner's
process is gone, it ends; the kernel then ends everything else in its pid namespace, and with the last process go
network and files.

Servers and calls are forks of this process, because a fork takes 2 ms and a fresh Python 60. A balancer runs in a
second sandbox inside this one, which shares only the network: it sees neither the journals nor this process. Where
servers have addresses of their own, or balancers are several, each balancer has a network of its own, too
(:mod:`autograder.stack.apart`).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import gc
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.stack import loop as event_loop
from autograder.stack import trouble  # noqa: F401 - loaded once, for all servers
from autograder.stack.call import invoke, load
from autograder.stack.children import close_all_but, content, fork, fork_for_ever, limit, told
from autograder.stack.engine import OPT, TIMED_OUT
from autograder.stack.inside import Root
from autograder.stack.keeper_programs import Programs
from autograder.stack.namespace import NODES, OWN_FOLDERS, make_root, own_addresses, quiet_proc, system_mounts
from autograder.stack.procfs import family_pids
from autograder.stack.program_sandbox import Sandbox
from autograder.stack.reaper import Reaper, spawn
from autograder.stack.reception import speaker
from autograder.stack.shop import serve
from autograder.stack.shop_spec import ShopSpec

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG_KEPT = 256 * 1024
_TMP_BYTES = 64 * 1024 * 1024
_SHARED_BYTES = 4 * 1024 * 1024
_LINE_LIMIT = 64 * 1024 * 1024
_RIGHTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID", "SYS_CHROOT")
"""What a balancer may do in its sandbox: as much as in a container. Only one uid exists there."""


@dataclass
class _Node:
    """A node's main process and what is remembered of it."""

    name: str
    shop: ShopSpec | None = None
    mounts: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    pid: int | None = None
    exit_code: int | None = None
    starts: int = 0
    log: bytearray = field(default_factory=bytearray)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def folder(self) -> str:
        return f"{NODES}/{self.name}"


class Keeper:
    """The nodes of one stack, as processes."""

    def __init__(self) -> None:
        self.nodes: dict[str, _Node] = {}
        self.bwrap: list[str] = []
        self.children = Reaper()
        self.programs = Programs(_say, self.children.follow)
        self.apart: dict[str, Callable[[], None]] = {}
        """Balancer → what moves a process to its network, if that is another than the servers'."""
        self.owners: dict[str, str] = {}
        """Address → the balancer whose it is, of those that have networks of their own."""

    async def set_up(self, request: dict[str, Any]) -> None:
        """Addresses, names and folders; then every server and name server, listening."""
        self._make_networks(request)
        self.bwrap = request["bwrap"]
        for plan in request["balancers"]:
            mounts = tuple(f"/{name}" for name in OWN_FOLDERS) + tuple(plan["mounts"])
            node = self.nodes[plan["name"]] = _Node(plan["name"], mounts=mounts)
            folders = (*plan["folders"], *plan["mounts"])
            make_root(node.folder, request["hosts"], plan["names"], plan["accounts"], folders)
        for spec in request["servers"]:
            self.nodes[spec["name"]] = _Node(spec["name"], shop=ShopSpec(**spec))
        servers = (self.start({"node": spec["name"]}) for spec in request["servers"])
        names = (self._answer_names(plan) for plan in request["balancers"] if plan["resolvers"])
        await asyncio.gather(*servers, *names)

    def _make_networks(self, request: dict[str, Any]) -> None:
        own_addresses(request["networks"])
        apart: dict[str, list[str]] = request["apart"]
        if apart:
            from autograder.stack.apart import enter, make_apart

            here = [spec["host"] for spec in request["servers"] if not spec["host"].startswith("unix:")]
            try:
                for number, (name, own) in enumerate(apart.items()):
                    network = make_apart(number, own, here, request["source"])
                    self.apart[name] = functools.partial(enter, network)
                    self.owners |= dict.fromkeys(own, name)
            except OSError as error:
                # Without it all goes well as long as balancers and servers use different ports.
                print(error, file=sys.stderr)
                self.apart, self.owners = {}, {}
                every = {address for own in apart.values() for address in own}
                masked = (f"{address}/{128 if ':' in address else 32}" for address in every)
                own_addresses([*request["networks"], *masked])

    def _beside_balancers(self, host: str) -> Callable[[], None] | None:
        """What brings a server with such an address to its network; the first balancer's loopback is the only one."""
        if host.startswith("127.") or host == "::1":
            return next(iter(self.apart.values()), None)
        return self.apart.get(self.owners.get(host, ""))

    async def _answer_names(self, plan: dict[str, Any]) -> None:
        from autograder.stack.names import answer

        payload = {"resolvers": plan["resolvers"], "names": plan["names"]}
        _, ready = fork_for_ever(
            lambda telling: answer({**payload, "listening": telling}), sys.stderr.fileno(), self.apart.get(plan["name"])
        )
        if not await told(ready, b"1"):
            raise RuntimeError(f"no name server could listen on {', '.join(plan['resolvers'])}")

    async def put(self, request: dict[str, Any]) -> None:
        """Make a folder hold exactly the given files."""
        files = {name: base64.b64decode(encoded) for name, encoded in request["files"].items()}
        with Root(self.nodes[request["node"]].folder) as root:
            root.hold(request["folder"], files)

    async def fetch(self, request: dict[str, Any]) -> dict[str, Any]:
        """Every plain file in a folder, and a mark of its state."""
        with Root(self.nodes[request["node"]].folder) as root:
            files, mark = root.read(request["folder"])
        return {"files": {name: base64.b64encode(content).decode() for name, content in files.items()}, "mark": mark}

    async def supervise(self, request: dict[str, Any]) -> None:
        """Start a learner's program under a warden on a balancer's machine."""
        node = self.nodes[request["node"]]
        prepare = functools.partial(self._enter_and_limit, node.name)
        sandbox = Sandbox(self.bwrap, node.folder, node.mounts, request["writable"])
        try:
            await self.programs.start(request["program"], sandbox, request["disk"], request["processes"], prepare)
        finally:
            sandbox.close()

    async def tell_program(self, request: dict[str, Any]) -> None:
        """Pass a line on to a program's warden."""
        self.programs.tell(request["program"], request["line"].encode())

    async def end_program(self, request: dict[str, Any]) -> None:
        """End a program at once; returns when every process of it is gone."""
        await self.programs.end(request["program"])

    async def start(self, request: dict[str, Any]) -> None:
        """Start a node's main process unless it is up."""
        node = self.nodes[request["node"]]
        if node.pid is not None:
            return
        node.argv = tuple(request.get("argv") or node.argv)
        reading, writing = os.pipe()
        node.exit_code, node.gone = None, asyncio.Event()
        pid = None
        try:
            if node.shop is not None:
                pid = await self._fork_shop(node.shop, writing)
            elif node.argv:
                pid = await self._spawn_balancer(node, writing)
            else:
                raise ValueError(f"{node.name} has not been told what to run")
        finally:
            os.close(writing)
            if pid is None:
                os.close(reading)
        node.starts += 1
        if not node.gone.is_set():  # it may have ended before we heard that it began
            node.pid = pid
        os.set_blocking(reading, False)
        asyncio.get_running_loop().add_reader(reading, _read_log, node, reading)

    async def _fork_shop(self, spec: ShopSpec, output: int) -> int:
        network = self._beside_balancers(spec.host)
        pid, ready = fork_for_ever(lambda listening: serve(spec, listening), output, network)
        self._watch(pid, self.nodes[spec.name])
        if not await told(ready, b"1"):
            where = spec.host if spec.host.startswith("unix:") else f"{spec.host} port {spec.port}"
            raise RuntimeError(f"server {spec.name} could not listen on {where}")
        return pid

    async def _spawn_balancer(self, node: _Node, output: int) -> int:
        info, telling = os.pipe()
        argv = [*self._sandbox(node), "--as-pid-1", "--info-fd", str(telling), "--", *node.argv]
        process = spawn(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(telling,),
            preexec_fn=functools.partial(self._enter_and_limit, node.name),
        )
        os.close(telling)
        self._watch(process.pid, node)
        answer = await told(info, b"}")
        if not answer:
            raise RuntimeError(f"the sandbox of {node.name} did not start: {node.log.decode(errors='replace')}")
        pid: int = json.loads(answer)["child-pid"]
        return pid

    def _enter_and_limit(self, balancer: str) -> None:
        if balancer in self.apart:
            self.apart[balancer]()
        limit()

    def _sandbox(self, node: _Node) -> list[str]:
        """Command line of the balancer's own sandbox: it shares the network and nothing else."""
        own = [word for mount in node.mounts for word in ("--bind", node.folder + mount, mount)]
        return [
            *self.bwrap,
            *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session"),
            *("--cap-drop", "ALL", *(word for right in _RIGHTS for word in ("--cap-add", f"CAP_{right}"))),
            *system_mounts(),
            *("--ro-bind", f"{OPT}/nginx", f"{OPT}/nginx", "--ro-bind", f"{OPT}/haproxy", f"{OPT}/haproxy"),
            *("--dev", "/dev", *quiet_proc(), "--size", str(_TMP_BYTES), "--tmpfs", "/tmp"),
            *own,
            # HAProxy hands on its start-up messages in shared memory; a log elsewhere in /dev would fill memory.
            *("--size", str(_SHARED_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),
            *("--remount-ro", "/", "--chdir", "/tmp"),
        ]

    def _watch(self, pid: int, node: _Node) -> None:
        """Remember how a node's main process ends."""

        def ended(code: int) -> None:
            node.pid, node.exit_code = None, code
            node.gone.set()

        self.children.follow(pid, ended)

    async def kill(self, request: dict[str, Any]) -> None:
        """Signal a node's main process; after KILL, wait until it is gone."""
        node = self.nodes[request["node"]]
        if node.pid is None:
            return
        number = signal.Signals[f"SIG{request['signal']}"]
        with contextlib.suppress(ProcessLookupError):
            os.kill(node.pid, number)
        if number == signal.SIGKILL:
            await node.gone.wait()

    async def pause(self, request: dict[str, Any]) -> None:
        """Stop every process of a node, also those that are born meanwhile."""
        node = self.nodes[request["node"]]
        stopped: set[int] = set()
        while node.pid is not None and (running := family_pids(node.pid) - stopped):
            for pid in running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            stopped |= running

    async def resume(self, request: dict[str, Any]) -> None:
        """Let every process of a node go on."""
        node = self.nodes[request["node"]]
        for pid in family_pids(node.pid) if node.pid is not None else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a program in the node's sandbox, or beside the keeper for servers and clients."""
        node = self.nodes.get(request["node"])
        balancer = node is not None and node.shop is None
        sandbox = [*self._sandbox(node), "--"] if node is not None and balancer else []
        prepare = functools.partial(self._enter_and_limit, request["node"]) if balancer else limit
        out, err = os.memfd_create("out"), os.memfd_create("err")
        try:
            process = spawn(
                [*sandbox, *request["argv"]], stdin=subprocess.DEVNULL, stdout=out, stderr=err, preexec_fn=prepare
            )
            code = await self._ended(process.pid, request["timeout"])
            return {"exit_code": code, "out": content(out), "err": content(err)}
        finally:
            os.close(out)
            os.close(err)

    async def call(self, request: dict[str, Any]) -> Any:
        """Run a function of the package in a fork."""
        answer = os.memfd_create("answer")
        load(request["function"])

        def run() -> None:
            close_all_but(0, 1, 2, answer)
            reply = invoke(request["function"], request["payload"])
            with os.fdopen(answer, "wb") as file:
                file.write(json.dumps(reply).encode())

        try:
            code = await self._ended(fork(run), request["timeout"])
            text = os.pread(answer, os.fstat(answer).st_size, 0)
        finally:
            os.close(answer)
        if code == TIMED_OUT or not text:
            raise RuntimeError(f"{request['function']} ended with code {code} and no answer")
        reply = json.loads(text)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["ok"]

    async def _ended(self, pid: int, timeout: float) -> int:
        """Exit code of a child; it is killed at the time limit."""
        result: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.children.follow(pid, result.set_result)
        try:
            return await asyncio.wait_for(asyncio.shield(result), timeout)
        except TimeoutError:
            if not result.done():
                os.kill(pid, signal.SIGKILL)
            await result
            return TIMED_OUT

    async def state(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the node's main process is doing."""
        if request["node"] not in self.nodes:
            return {"up": True, "pid": os.getpid(), "exit_code": None, "starts": 1}
        node = self.nodes[request["node"]]
        return {"up": node.pid is not None, "pid": node.pid, "exit_code": node.exit_code, "starts": node.starts}

    async def logs(self, request: dict[str, Any]) -> str:
        """What the main process wrote."""
        node = self.nodes.get(request["node"])
        return node.log.decode(errors="replace") if node else ""


def _read_log(node: _Node, descriptor: int) -> None:
    try:
        data = os.read(descriptor, 65536)
    except BlockingIOError:
        return
    if not data:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
        return
    node.log += data
    del node.log[:-_LOG_KEPT]


def _say(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


async def _obey(keeper: Keeper, request: dict[str, Any]) -> None:
    reply: dict[str, Any] = {"id": request["id"]}
    try:
        reply["ok"] = await getattr(keeper, request["do"])(request)
    except Exception as error:
        reply["error"] = f"{type(error).__name__}: {error}"
    _say(reply)


async def _serve(owner: int) -> None:
    loop = asyncio.get_running_loop()
    # The pidfd tells the death of the owner even if somebody else inherited the other end of our standard input.
    loop.add_reader(owner, os._exit, 0)
    reader = asyncio.StreamReader(limit=_LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    keeper = Keeper()
    tasks: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        task = loop.create_task(_obey(keeper, json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    os._exit(0)


def main(owner: int) -> None:
    """Run until the owner is gone. ``owner`` is a pidfd of the owning process."""
    event_loop.prepare()
    speaker("http")
    gc.freeze()  # what all forks share is never looked through again, so it stays shared
    asyncio.run(_serve(owner))
