"""Process 1 beside a learner's program: starts it, keeps its limits, passes on what it asks, tells what it left.

It is told what to do on standard input and tells on standard output (:mod:`autograder.stack.warden.words`). When it
ends, for whatever reason, the kernel ends every process of the program: they cannot leave the pid namespace.
"""

# A program waits for these imports; contextlib would double them.
# ruff: noqa: PTH108, SIM105

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import sys
import time

from autograder.stack.warden import armour, desk, work
from autograder.stack.warden.measure import Use, disk_full
from autograder.stack.warden.words import read_order, said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MIB = 1 << 20
_QUICK_S, _SLOW_S, _QUICK_FOR_S = 0.02, 0.05, 2.0
_SPARE_PROCESSES = 16
"""The kernel refuses a little later than we end: so it is us who say why."""
_SPARE_MEMORY = 64 * _MIB
_STACK = 2 * _MIB
"""Of each thread; it counts as memory before it is used."""
_MOST_DESCRIPTORS = 256
_LAST_S, _BETWEEN_S = 10.0, 0.002
_DISKS = (work.WORK, "/tmp", "/dev/shm")
_VISITORS = 16
_REAPED_AT_ONCE = 64


class Warden:
    """One program."""

    def __init__(self, order: dict[str, Any], orders: int, saying: int, partly: bytes = b"") -> None:
        self.order = order
        self.limits: dict[str, float] = order["limits"]
        self.orders, self.saying = orders, saying
        self.use = Use()
        self.ended_by = ""
        self.status: int | None = None
        self.pipes: dict[int, str] = {}
        self.output = {"out": bytearray(), "err": bytearray()}
        self.listening: dict[int, tuple[socket.socket, str]] = {}
        self.visitors: dict[int, desk.Visitor] = {}
        self.waiting: dict[int, desk.Visitor | str] = {}
        self.asked = 0
        self.stop_at = 0.0
        self._partly = partly

    def prepare(self) -> None:
        """Files, commands and sockets."""
        os.umask(0o022)
        work.fill(work.GIVEN, self.order["read_only"], 0o644)  # root here cannot write over what is for reading only
        work.fill(work.WORK, self.order["files"], 0o644)
        desk.make_commands()
        self.listening = desk.open_sockets()

    def start(self) -> None:
        """Start the program, with pipes to here."""
        self.signals, noting = os.pipe()
        desk.note_signals(noting)
        (out, out_there), (err, err_there) = os.pipe(), os.pipe()
        given = self._standard_input()
        self.began = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            self._become((given, out_there, err_there))
        for descriptor in (given, out_there, err_there):
            os.close(descriptor)
        self.pipes = {out: "out", err: "err"}
        for descriptor in self.pipes:
            os.set_blocking(descriptor, False)

    def _standard_input(self) -> int:
        text = self.order["stdin"]
        if text is None:
            return os.open("/dev/null", os.O_RDONLY)
        path = f"{work.GIVEN}/.stdin"
        work.fill(work.GIVEN, {".stdin": text}, 0o444)
        descriptor = os.open(path, os.O_RDONLY)
        os.unlink(path)
        return descriptor

    def _become(self, streams: tuple[int, int, int]) -> None:
        """In the child: be the program. Does not return."""
        code = 126
        try:
            signal.set_wakeup_fd(-1)
            for name in (*desk.SIGNALS, "CHLD", "PIPE", "XFSZ"):
                signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_DFL)
            os.setsid()
            for number, descriptor in enumerate(streams):
                os.dup2(descriptor, number)
            os.closerange(3, _MOST_DESCRIPTORS)
            os.chdir(work.WORK)
            for kind, limit in self._kernel_limits().items():
                resource.setrlimit(kind, (limit, limit))
            argv = self.order["argv"]
            os.execvpe(argv[0], argv, self.order["environment"])
        except OSError as error:
            code = 127 if isinstance(error, FileNotFoundError) else 126
            os.write(2, f"{self.order['argv'][0]}: {error.strerror}\n".encode())
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(code)

    def _kernel_limits(self) -> dict[int, int]:
        return {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_CPU: int(self.limits["cpu_s"]) + 2,
            resource.RLIMIT_DATA: int(self.limits["memory_mb"] * _MIB + self.limits["processes"] * _STACK)
            + _SPARE_MEMORY,
            resource.RLIMIT_STACK: _STACK,
            resource.RLIMIT_FSIZE: int(self.limits["file_mb"] * _MIB),
            resource.RLIMIT_MEMLOCK: 64 * 1024,
            resource.RLIMIT_MSGQUEUE: 0,
            resource.RLIMIT_NOFILE: _MOST_DESCRIPTORS,
            resource.RLIMIT_NPROC: int(self.limits["processes"]) + _SPARE_PROCESSES,
        }

    def watch(self) -> None:
        """Until the program's first process has ended, a limit is reached, or somebody says stop."""
        self.say({"began": True})
        while self.status is None and not self.ended_by:
            poll = select.poll()
            for descriptor in (self.orders, self.signals, *self.pipes, *self.visitors):
                poll.register(descriptor, select.POLLIN)
            if len(self.visitors) < _VISITORS:
                for descriptor in self.listening:
                    poll.register(descriptor, select.POLLIN)
            heard = poll.poll(self._until_next_look() * 1000)
            self._look()  # first, because a flood of anything must not keep us from seeing it
            for descriptor, _ in heard:
                self._hear(descriptor)
            self._reap(_REAPED_AT_ONCE)
        if self.status is not None:
            self._look()
            self._hear_last()

    def _until_next_look(self) -> float:
        return _QUICK_S if time.monotonic() - self.began < _QUICK_FOR_S else _SLOW_S

    def _look(self) -> None:
        now = time.monotonic()
        self.use.look(int(self.limits["memory_mb"] * _MIB), int(self.limits["processes"]))
        if self.stop_at and now >= self.stop_at:
            self.ended_by = "stopped"
        elif self.status is None:
            self.ended_by = self._over() or ("wall" if now - self.began >= self.limits["wall_s"] else "")

    def _over(self) -> str:
        """The limit that the program is over; empty if there is none."""
        if self.use.processes > self.limits["processes"]:
            return "processes"
        if self.use.peak_memory > self.limits["memory_mb"] * _MIB:
            return "memory"
        if self.use.cpu_seconds >= self.limits["cpu_s"]:
            return "cpu"
        if any(len(text) > self._most_output() for text in self.output.values()):
            return "output"
        return "disk" if disk_full(_DISKS, int(self.limits["files"])) else ""

    def _most_output(self) -> int:
        return int(self.limits["output_kb"] * 1024)

    def _hear(self, descriptor: int) -> None:
        if descriptor in self.pipes:
            self._read_output(descriptor)
        elif descriptor == self.signals:
            for number in set(os.read(self.signals, 4096)) - {signal.SIGCHLD}:
                word = signal.Signals(number).name.removeprefix("SIG")
                if word not in self.waiting.values():  # as the kernel does: one that waits stands for all of its kind
                    self._ask("signal", word, word)
        elif descriptor == self.orders:
            self._take_orders()
        elif descriptor in self.listening:
            self._welcome(*self.listening[descriptor])
        elif descriptor in self.visitors:
            visitor = self.visitors[descriptor]
            text = visitor.read()
            if text is not None:
                del self.visitors[descriptor]
                if text:
                    self._ask(visitor.kind, text, visitor)
                else:
                    visitor.answer("")

    def _hear_last(self) -> None:
        """Pass on what the program asked for just before it ended: it may have been between two looks."""
        for _ in range(_VISITORS):
            poll = select.poll()
            for descriptor in (self.signals, *self.listening, *self.visitors):
                poll.register(descriptor, select.POLLIN)
            heard = poll.poll(0)
            for descriptor, _ in heard:
                self._hear(descriptor)
            if not heard:
                return

    def _read_output(self, descriptor: int) -> bool:
        """Take what the program wrote; whether there may be more."""
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return False
        if not data:
            del self.pipes[descriptor]
            os.close(descriptor)
            return False
        kept = self.output[self.pipes[descriptor]]
        # One byte more than it may is kept: that tells too much from just enough.
        kept += data[: max(0, self._most_output() + 1 - len(kept))]
        return len(kept) <= self._most_output()

    def _texts(self) -> dict[str, bytes]:
        return {name: bytes(text[: self._most_output()]) for name, text in self.output.items()}

    def _welcome(self, listening: socket.socket, kind: str) -> None:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        self.visitors[connection.fileno()] = desk.Visitor(connection, kind)

    def _ask(self, kind: str, word: str, who: desk.Visitor | str) -> None:
        self.asked += 1
        self.waiting[self.asked] = who
        self.say({"ask": self.asked, "kind": kind, "word": word, "at": time.monotonic() - self.began})

    def _take_orders(self) -> None:
        data = os.read(self.orders, 1 << 20)
        if not data:
            os._exit(0)  # the owner is gone, and with us goes everything
        *lines, self._partly = (self._partly + data).split(b"\n")
        for line in lines:
            order = read_order(line)
            if "answer" in order:
                who = self.waiting.pop(order["answer"], "")
                if isinstance(who, desk.Visitor):
                    who.answer(order["text"])
            elif "want" in order:
                self.say({"given": order["want"], **self._texts()})
            elif "stop" in order:
                self.stop_at = time.monotonic() + order["stop"]
                _signal(self.pid, signal.SIGTERM)

    def _reap(self, most: int = 1 << 22) -> None:
        for _ in range(most):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.status = status

    def finish(self) -> None:
        """End what is left of the program, and tell all about it."""
        seconds = time.monotonic() - self.began
        left_behind = self.use.processes if self.status is not None else 0
        self._end_all()
        for descriptor in tuple(self.pipes):
            while self._read_output(descriptor):
                pass
        self.use.settle()
        if not self.ended_by:
            self.ended_by = "stopped" if self.stop_at else self._over() or self._file_too_large() or "itself"
        code = os.waitstatus_to_exitcode(self.status) if self.status is not None else -signal.SIGKILL
        left = work.Left(self.order["files"], int(self.limits["file_mb"] * _MIB), int(self.limits["disk_mb"] * _MIB))
        left.read(work.WORK)
        self.say(
            {
                "ended": True,
                **self._texts(),
                "exit_code": 128 - code if code < 0 else code,
                "ended_by": self.ended_by,
                "seconds": seconds,
                "cpu_seconds": self.use.cpu_seconds,
                "peak_memory_mb": self.use.peak_memory / _MIB,
                "files": left.files,
                "removed": left.removed,
                "left_out": left.left_out,
                "left_behind": left_behind,
            }
        )

    def _file_too_large(self) -> str:
        killed = self.status is not None and os.WIFSIGNALED(self.status)
        return "file" if killed and os.WTERMSIG(self.status or 0) == signal.SIGXFSZ else ""

    def _end_all(self) -> None:
        deadline = time.monotonic() + _LAST_S
        while time.monotonic() < deadline:
            try:
                os.kill(-1, signal.SIGKILL)  # everything but process 1, which we are; nothing is born while it dies
                self._reap()
                time.sleep(_BETWEEN_S)
            except ProcessLookupError:
                self._reap()
                return

    def say(self, message: dict[str, Any]) -> None:
        """Tell the engine."""
        line = memoryview(said(message).encode() + b"\n")
        while line:
            line = line[os.write(self.saying, line) :]


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _first_to_go() -> Callable[[], None]:
    """Where memory is short, it is a program that the kernel ends: no server of the twin, and not us, who say why.

    Returns what puts us back where we were; whom we forked meanwhile stays first.
    """
    try:
        score = os.open("/proc/self/oom_score_adj", os.O_RDWR)  # in armour we could not open it any more
        before = os.pread(score, 16, 0)
        os.pwrite(score, b"1000", 0)
    except OSError:
        return lambda: None

    def step_back() -> None:
        try:
            os.pwrite(score, before, 0)
        except OSError:
            pass
        os.close(score)

    return step_back


def _missing(needs: list[str], path: str) -> list[str]:
    folders = [desk.COMMANDS, *path.split(":")]
    return [name for name in needs if not any(os.access(f"{folder}/{name}", os.X_OK) for folder in folders)]


def _read_first(orders: int) -> tuple[dict[str, Any], bytes]:
    text = b""
    while b"\n" not in text:
        data = os.read(orders, 1 << 20)
        if not data:
            os._exit(0)
        text += data
    line, _, rest = text.partition(b"\n")
    return read_order(line), rest


def main(stranger: bool = False) -> None:
    """Take the order, run the program, tell how it went. ``stranger``: in a user namespace of its own."""
    orders, saying = os.dup(0), os.dup(1)
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    step_back = _first_to_go()
    if stranger:
        armour.be_a_stranger()
    armour.put_on()
    order, rest = _read_first(orders)
    warden = Warden(order, orders, saying, rest)
    missing = _missing(order["needs"], order["environment"]["PATH"])
    if missing:
        warden.say({"missing": missing})
        sys.exit(0)
    warden.prepare()
    warden.start()
    step_back()
    warden.watch()
    warden.finish()


if __name__ == "__main__":
    main()
