"""The process that keeps a local stack: it runs inside the stack's namespaces and obeys its owner.

It is started by :mod:`autograder.stack.local` under bubblewrap, with nothing but the standard library and uvloop. Requests come
in on standard input and replies go out on standard output, a line of JSON each, ``{"id": 3, "do": "run", …}`` →
``{"id": 3, "ok": …}`` or ``{"id": 3, "error": "…"}``. When standard input closes, or the owner's process is gone, it
ends; the kernel then ends everything else in its pid namespace, and with the last process go network and files.

Servers and calls are forks of this process, because a fork takes 2 ms and a fresh Python 60. A balancer runs in a
second sandbox inside this one, which shares only the network: it sees neither the journals nor this process.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.stack import loop as event_loop
from autograder.stack.call import invoke
from autograder.stack.engine import OPT
from autograder.stack.namespace import make_root, own_addresses, system_mounts
from autograder.stack.shop import ShopSpec, serve

if TYPE_CHECKING:
    from collections.abc import Callable

NODES = "/nodes"
_LOG_KEPT = 256 * 1024
_OUTPUT_KEPT = 64 * 1024
_FILE_LIMIT = 64 * 1024 * 1024
_TIMED_OUT = 124
_LINE_LIMIT = 64 * 1024 * 1024


@dataclass
class _Node:
    """A node's main process and what is remembered of it."""

    name: str
    shop: ShopSpec | None = None
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

    async def set_up(self, request: dict[str, Any]) -> None:
        """Addresses, names and folders; then every server, listening."""
        own_addresses(request["networks"])
        self.bwrap = request["bwrap"]
        hosts = "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in request["hosts"].items())
        for name in request["balancers"]:
            node = self.nodes[name] = _Node(name)
            make_root(node.folder, hosts)
        for spec in request["servers"]:
            self.nodes[spec["name"]] = _Node(spec["name"], shop=ShopSpec(**spec))
        await asyncio.gather(*(self.start({"node": spec["name"]}) for spec in request["servers"]))

    async def put(self, request: dict[str, Any]) -> None:
        """Make a folder hold exactly the given files."""
        root = self.nodes[request["node"]].folder
        folder = _inside(root, request["folder"])
        if os.path.islink(folder):
            os.unlink(folder)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder, exist_ok=True)
        for name, content in request["files"].items():
            path = _inside(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64decode(content))

    async def start(self, request: dict[str, Any]) -> None:
        """Start a node's main process unless it is up."""
        node = self.nodes[request["node"]]
        if node.pid is not None:
            return
        node.argv = tuple(request.get("argv") or node.argv)
        reading, writing = os.pipe()
        try:
            if node.shop is not None:
                node.pid = await self._fork_shop(node.shop, writing)
            elif node.argv:
                node.pid = await self._spawn_balancer(node, writing)
            else:
                raise ValueError(f"{node.name} has not been told what to run")
        finally:
            os.close(writing)
            if node.pid is None:
                os.close(reading)
        node.starts += 1
        node.exit_code = None
        node.gone = asyncio.Event()
        os.set_blocking(reading, False)
        asyncio.get_running_loop().add_reader(reading, _read_log, node, reading)

    async def _fork_shop(self, spec: ShopSpec, output: int) -> int:
        ready, listening = os.pipe()

        def run() -> None:
            os.dup2(output, 1)
            os.dup2(output, 2)
            _close_all_but(0, 1, 2, listening)
            event_loop.run(serve(spec, listening))

        pid = _fork(run)
        os.close(listening)
        self._watch(pid, self.nodes[spec.name])
        answer = await _told(ready, b"1")
        if not answer:
            raise RuntimeError(f"server {spec.name} could not listen on {spec.host}:{spec.port}")
        return pid

    async def _spawn_balancer(self, node: _Node, output: int) -> int:
        info, told = os.pipe()
        argv = [*self._sandbox(node), "--as-pid-1", "--info-fd", str(told), "--", *node.argv]
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=(told,), preexec_fn=_limits
        )
        os.close(told)
        self._watch(process.pid, node)
        answer = await _told(info, b"}")
        if not answer:
            raise RuntimeError(f"the sandbox of {node.name} did not start: {node.log.decode(errors='replace')}")
        pid: int = json.loads(answer)["child-pid"]
        return pid

    def _sandbox(self, node: _Node) -> list[str]:
        """Command line of the balancer's own sandbox: it shares the network and nothing else."""
        own = [
            word for name in ("etc", "run", "var", "srv") for word in ("--bind", f"{node.folder}/{name}", f"/{name}")
        ]
        return [
            *self.bwrap,
            *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session"),
            *("--cap-drop", "ALL", "--cap-add", "CAP_NET_BIND_SERVICE"),
            *system_mounts(),
            *("--ro-bind", f"{OPT}/nginx", f"{OPT}/nginx", "--ro-bind", f"{OPT}/haproxy", f"{OPT}/haproxy"),
            *own,
            *("--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/tmp"),
        ]

    def _watch(self, pid: int, node: _Node | None, done: Callable[[int], None] | None = None) -> None:
        """Call back when a child ends, and remember how."""
        loop = asyncio.get_running_loop()
        descriptor = os.pidfd_open(pid)

        def ended() -> None:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            with contextlib.suppress(ChildProcessError):
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                code = 128 - status if status < 0 else status
                if node is not None:
                    node.pid, node.exit_code = None, code
                    node.gone.set()
                if done is not None:
                    done(code)

        loop.add_reader(descriptor, ended)

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

    async def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a program in the node's sandbox, or beside the keeper for servers and clients."""
        node = self.nodes.get(request["node"])
        sandbox = [*self._sandbox(node), "--"] if node is not None and node.shop is None else []
        out, err = os.memfd_create("out"), os.memfd_create("err")
        try:
            process = subprocess.Popen(
                [*sandbox, *request["argv"]], stdin=subprocess.DEVNULL, stdout=out, stderr=err, preexec_fn=_limits
            )
            code = await self._ended(process.pid, request["timeout"])
            return {"exit_code": code, "out": _content(out), "err": _content(err)}
        finally:
            os.close(out)
            os.close(err)

    async def call(self, request: dict[str, Any]) -> Any:
        """Run a function of the package in a fork."""
        answer = os.memfd_create("answer")

        def run() -> None:
            _close_all_but(0, 1, 2, answer)
            reply = invoke(request["function"], request["payload"])
            with os.fdopen(answer, "wb") as file:
                file.write(json.dumps(reply).encode())

        try:
            code = await self._ended(_fork(run), request["timeout"])
            text = os.pread(answer, os.fstat(answer).st_size, 0)
        finally:
            os.close(answer)
        if code == _TIMED_OUT or not text:
            raise RuntimeError(f"{request['function']} ended with code {code} and no answer")
        reply = json.loads(text)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["ok"]

    async def _ended(self, pid: int, timeout: float) -> int:
        """Exit code of a child; it is killed at the time limit."""
        result: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._watch(pid, None, result.set_result)
        try:
            return await asyncio.wait_for(asyncio.shield(result), timeout)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            await result
            return _TIMED_OUT

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


def _inside(root: str, path: str) -> str:
    joined = os.path.normpath(f"{root}/{path}")
    if not joined.startswith(f"{root}/"):
        raise ValueError(f"{path!r} leads out of its folder")
    return joined


def _fork(run: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        run()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _close_all_but(*keep: int) -> None:
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in keep:
            with contextlib.suppress(OSError):
                os.close(int(name))


def _limits() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_LIMIT, _FILE_LIMIT))


def _content(descriptor: int) -> str:
    return os.pread(descriptor, _OUTPUT_KEPT, 0).decode(errors="replace")


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


async def _told(descriptor: int, end: bytes) -> bytes:
    """Read until the writer has said ``end``; empty if it closed without."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    text = b""
    try:
        while end not in text:
            await readable.wait()
            readable.clear()
            data = os.read(descriptor, 4096)
            if not data:
                return b""
            text += data
        return text
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _obey(keeper: Keeper, request: dict[str, Any]) -> None:
    reply: dict[str, Any] = {"id": request["id"]}
    try:
        reply["ok"] = await getattr(keeper, request["do"])(request)
    except Exception as error:
        reply["error"] = f"{type(error).__name__}: {error}"
    sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n")
    sys.stdout.buffer.flush()


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
    asyncio.run(_serve(owner))
