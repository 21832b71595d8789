"""Start stacks, use them, and kill their owner at a random moment: nothing may be left, however often.

Run by hand for long, and by the tests for a little while::

    .venv/bin/python -m tests.benchmarks.soak 1000
    .venv/bin/python -m tests.benchmarks.soak 50 --engine docker --seed 7

Each cycle is a process of its own that opens a stack, applies a config, counts some requests and closes it. Half of
the owners are killed with SIGKILL at a random moment of that; the rest end by themselves. After each cycle nothing
may be left: no process (this one adopts every orphan of its owners, so none can hide), with the last process no
namespace, address or port, and no file in the cycle's temporary folder. Nor may this process grow.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import random
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.stack.procfs import family, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.procfs import Process

_CYCLE = """
import sys
from autograder.bench.stacks import STACK, config
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send
print("begun", flush=True)
with open_stack(STACK, sys.argv[1]) as running:
    assert running.apply(config()).ok
    crowd = population("many")
    for seed in range(3):
        sample = send(running, crowd, crowd.browse(60, seed=seed), timeout=60)
        assert sum(sample.counts().values()) + sample.failed == sample.requests == 60, sample
        assert sample.failed == 0, sample.failures
print("ended", flush=True)
"""
_PATIENCE = 30.0
_LONGEST = {"local": 1.2, "docker": 8.0}
"""Seconds after which a cycle has surely begun to close by itself; kills fall anywhere before."""


@dataclass(frozen=True)
class Soaked:
    """What a soak found. ``grown_kb`` is how much this process's memory grew after the first tenth."""

    cycles: int
    killed: int
    ended: int
    left: tuple[str, ...]
    grown_kb: int


def soak(cycles: int, engine: str, seed: int, say: Callable[[str], None]) -> Soaked:
    """Run the cycles; deterministic in which owners are killed, not in where exactly the kill falls."""
    dice = random.Random(seed)
    _adopt_orphans()
    killed = memory = 0
    left: list[str] = []
    for number in range(cycles):
        kill_after = dice.uniform(0, _LONGEST[engine]) if dice.random() < 0.5 else None
        with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
            killed += _cycle(engine, kill_after, temporary)
            left += _left(temporary)
        if number == cycles // 10:
            memory = _memory_kb()
        if number % 25 == 24:
            say(f"{number + 1} of {cycles}: {killed} owners killed, {len(left)} strays")
    if engine == "docker":
        left += _left_in_docker()
    return Soaked(cycles, killed, cycles - killed, tuple(left), _memory_kb() - memory)


def _cycle(engine: str, kill_after: float | None, temporary: str) -> bool:
    """One owner, from birth to death; whether it was killed."""
    owner = subprocess.Popen(
        [sys.executable, "-c", _CYCLE, engine], stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": temporary}
    )
    assert owner.stdout is not None
    with owner.stdout:
        assert owner.stdout.readline() == b"begun\n", "the owner did not even begin"
        try:
            owner.wait(_PATIENCE if kill_after is None else kill_after)
        except subprocess.TimeoutExpired:
            owner.kill()
            owner.wait()
            assert kill_after is not None, f"a cycle did not end within {_PATIENCE} s"
            return True
    assert owner.returncode == 0, f"a cycle ended with code {owner.returncode}"
    return False


def _left(temporary: str) -> list[str]:
    """What a cycle left: processes that live on, and files."""
    wait_until(lambda: not _orphans(), _PATIENCE)
    found = [f"process {process.pid}: {process.title[:100]}" for process in _orphans()]
    for process in _orphans():
        os.kill(process.pid, signal.SIGKILL)
    return found + [f"file {path.name}" for path in Path(temporary).iterdir()]


def _adopt_orphans() -> None:
    """Become the parent of whatever outlives its own (prctl(2), PR_SET_CHILD_SUBREAPER), so that it can be found."""
    set_child_subreaper = 36
    if ctypes.CDLL(None, use_errno=True).prctl(set_child_subreaper, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot adopt orphans")


def _orphans() -> list[Process]:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return [process for process in family(os.getpid()) if process.pid != os.getpid()]


def _left_in_docker() -> list[str]:
    """What is left on the daemon, where strays of killed owners are removed when the next stack opens."""
    from autograder.bench.stacks import STACK
    from autograder.stack.docker_daemon import connect
    from autograder.stack.running import open_stack

    open_stack(STACK, "docker").close()
    api = connect()
    try:
        mine = {"label": "manyhands.stack"}
        containers = [name for one in api.containers(all=True, filters=mine) for name in one["Names"]]
        return containers + [one["Name"] for one in api.networks(filters=mine)]
    finally:
        api.close()


def _memory_kb() -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS:"))


def main() -> None:
    """Parse, run, print; exit code 1 when something was left."""
    parser = argparse.ArgumentParser(description="start, use and kill stacks, and look for what is left")
    parser.add_argument("cycles", type=int)
    parser.add_argument("--engine", choices=sorted(_LONGEST), default="local")
    parser.add_argument("--seed", type=int, default=1)
    wishes = parser.parse_args()
    found = soak(wishes.cycles, wishes.engine, wishes.seed, lambda line: print(line, flush=True))
    print(found)
    sys.exit(1 if found.left else 0)


if __name__ == "__main__":
    main()
