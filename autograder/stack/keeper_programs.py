"""Learners' programs inside a local stack's sandbox: a warden each, whose words are passed on to the owner.

Runs in the keeper with nothing but the standard library.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.stack.children import fork, told
from autograder.stack.pid_room import limit_processes
from autograder.stack.reaper import spawn

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.program_sandbox import Sandbox

_LONGEST = 128 << 20
"""Bytes of a line from a warden: all that a program left behind."""
_COMPLAINT = 4096
_SPARE_PROCESSES = 64
"""The kernel refuses later than the warden ends: so it is the warden who says why."""


@dataclass
class _Program:
    warden: int
    orders: asyncio.StreamWriter
    ended: asyncio.Event
    """Its sandbox has."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Programs:
    """Those that run now, by the numbers that the owner gave them."""

    def __init__(
        self, say: Callable[[dict[str, Any]], None], follow: Callable[[int, Callable[[int], None]], None]
    ) -> None:
        """``say`` tells the owner; ``follow`` calls back when a process that we started has ended."""
        self._say = say
        self._follow = follow
        self._running: dict[int, _Program] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(
        self, number: int, sandbox: Sandbox, disk: int, processes: int, prepare: Callable[[], None]
    ) -> None:
        """Start a warden; returns when its sandbox is there. Raises :class:`RuntimeError` with bubblewrap's words."""
        info, telling = os.pipe()
        complaints = os.memfd_create("complaints")
        try:
            process = spawn(
                sandbox.command(disk, telling),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                pass_fds=(telling, *sandbox.descriptors),
                preexec_fn=prepare,
                env={},
            )
        except BaseException:
            os.close(info)
            os.close(complaints)
            raise
        finally:
            os.close(telling)
        ended = asyncio.Event()
        self._follow(process.pid, lambda _: ended.set())
        answer = await told(info, b"}")
        if not answer:
            await ended.wait()
            why = os.pread(complaints, _COMPLAINT, 0).decode(errors="replace").strip()
            os.close(complaints)
            raise RuntimeError(f"the sandbox of a program did not start: {why}")
        warden = json.loads(answer)["child-pid"]
        _make_room(warden, processes)
        assert process.stdin is not None
        assert process.stdout is not None
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, process.stdin)
        orders = asyncio.StreamWriter(transport, protocol, None, loop)
        words = asyncio.StreamReader(limit=_LONGEST)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), process.stdout)
        program = self._running[number] = _Program(warden, orders, ended)
        task = loop.create_task(self._listen(number, program, words, complaints))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, number: int, program: _Program, words: asyncio.StreamReader, complaints: int) -> None:
        try:
            while line := await words.readline():
                self._say({"program": number, "line": line.decode(errors="replace")})
        except ValueError:  # longer than anything a warden says
            _kill(program.warden)
        # Its end of the pipe is closed, so it has ended or is about to; bubblewrap ends after it.
        await program.ended.wait()
        program.orders.close()
        if complaint := os.pread(complaints, _COMPLAINT, 0).decode(errors="replace").strip():
            self._say({"program": number, "line": json.dumps({"complaint": complaint})})
        os.close(complaints)
        program.gone.set()
        del self._running[number]
        self._say({"program": number, "line": None})

    def tell(self, number: int, line: bytes) -> None:
        """Pass a line on to a warden; nobody is told if it is gone."""
        program = self._running.get(number)
        if program is not None:
            program.orders.write(line)

    async def end(self, number: int) -> None:
        """End a warden and all of its program; returns when they are gone."""
        program = self._running.get(number)
        if program is not None:
            _kill(program.warden)
            await program.gone.wait()


def _make_room(warden: int, processes: int) -> None:
    """Where the kernel cannot, the warden's own look at the number of processes is what there is."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(fork(lambda: _quietly(warden, processes)), 0)


def _quietly(warden: int, processes: int) -> None:
    with contextlib.suppress(OSError):
        limit_processes(warden, processes + _SPARE_PROCESSES)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
