"""A command that is told to end closes what it has open, and says by its exit code that it was told."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autograder.ending import unwinding
from autograder.launch.processes import descendants
from autograder.stack.docker_daemon import connect
from autograder.stack.procfs import wait_until

ROOT = Path(__file__).parents[1]
ENDINGS = [signal.SIGTERM, signal.SIGHUP]

BLOCK = """
import os, signal, sys, time
from autograder.ending import Told, unwinding
{before}
try:
    with unwinding() as ending:
        {inside}
        try:
            print("open", flush=True)
            sys.stdin.read()
            print("went on", flush=True)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)  # the tidying up is not to be interrupted
            os.write({writing}, b"closed")
except Told as told:
    sys.exit(told.exit_code)
print("left", ending.exit_code)
"""


def tell(which: signal.Signals, *, before: str = "", inside: str = "pass") -> tuple[int, str, str]:
    """Exit code, standard output, and what the block wrote when it was closed."""
    reading, writing = os.pipe()
    program = BLOCK.format(before=before, inside=inside, writing=writing)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[writing]
    ) as told:
        os.close(writing)
        assert told.stdout
        first = told.stdout.readline()
        told.send_signal(which)
        rest, _ = told.communicate(timeout=60)
    with os.fdopen(reading, encoding="utf-8") as closed:
        return told.returncode, first + rest, closed.read()


@pytest.mark.parametrize("which", ENDINGS)
def test_the_first_signal_unwinds_and_the_next_waits(which: signal.Signals) -> None:
    assert tell(which) == (128 + which, "open\n", "closed")


@pytest.mark.parametrize("which", ENDINGS)
def test_whoever_can_leave_by_itself_does(which: signal.Signals) -> None:
    code, said, closed = tell(which, inside="ending.leave = lambda: os.dup2(os.open(os.devnull, os.O_RDONLY), 0) == 0")
    assert (code, closed) == (0, "closed")
    # what is written after the terminal has gone goes nowhere
    assert said == ("open\nwent on\nleft 143\n" if which == signal.SIGTERM else "open\n")


def test_what_nohup_had_ignored_stays_ignored() -> None:
    code, said, _ = tell(signal.SIGHUP, before="signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    assert (code, said) == (128 + signal.SIGTERM, "open\nwent on\n")


def test_in_another_thread_nothing_changes() -> None:
    seen = []

    def inside() -> None:
        with unwinding():
            seen.extend(signal.getsignal(which) for which in ENDINGS)

    before = [signal.getsignal(which) for which in ENDINGS]
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == before


def belongings(pids: set[int], engine: str) -> set[str]:
    """What stacks of these processes consist of: their sandboxes, or their containers."""
    if engine == "local":
        children = [child for pid in pids for child in descendants(pid)]
        return {str(child.pid) for child in children if Path(f"/proc/{child.pid}/comm").read_text() == "bwrap\n"}
    with contextlib.closing(connect()) as api:
        owners = {one["Id"]: one["Labels"].get("manyhands.owner", "") for one in api.containers(all=True)}
    return {container for container, owner in owners.items() if owner.split(":")[0] in map(str, pids)}


@pytest.mark.parametrize(
    ("engine", "which"),
    [
        ("local", signal.SIGTERM),
        ("local", signal.SIGINT),
        pytest.param("docker", signal.SIGTERM, marks=pytest.mark.docker),
    ],
)
def test_a_command_that_is_told_to_end_leaves_nothing(engine: str, which: signal.Signals, tmp_path: Path) -> None:
    # In a session of its own and told alone: what it has started is for it to end.
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "autograder", "verify", "spread-the-load", "--engine", engine, "--jobs", "2"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as command:
        try:
            assert wait_until(lambda: belongings({child.pid for child in descendants(command.pid)}, engine), 120)
            processes = descendants(command.pid)
        finally:
            command.send_signal(which)
        assert command.wait(120) == 128 + which
    assert belongings({process.pid for process in processes}, engine) == set()
    assert all(process.wait(30) for process in processes)
    assert list(tmp_path.iterdir()) == []
