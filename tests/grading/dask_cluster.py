"""A real Dask cluster on loopback: a scheduler and workers, each a process that can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Return as soon as a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.05)  # between two looks


class DaskCluster:
    """A scheduler on a port that the kernel chose, and the workers started so far."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        note = folder / "scheduler.json"
        options = ["--port", "0", "--no-dashboard", "--no-jupyter", "--scheduler-file", str(note)]
        self.scheduler = self._start("scheduler", "scheduler", *options)
        self.workers: list[subprocess.Popen[bytes]] = []
        wait_until(lambda: note.exists() and note.read_text().endswith("}"))
        self.address: str = json.loads(note.read_text())["address"]

    def add_worker(self, **environment: str) -> None:
        """Start one, with a thread; returns when the scheduler knows it."""
        number = len(self.workers)
        options = ["--nthreads", "1", "--no-dashboard", "--no-nanny", "--local-directory", str(self._folder)]
        self.workers.append(self._start(f"worker{number}", "worker", self.address, *options, **environment))
        wait_until(lambda: "Registered to" in self.log(f"worker{number}"))

    def log(self, who: str) -> str:
        """What the scheduler or ``worker0`` … wrote so far."""
        return (self._folder / f"{who}.log").read_text()

    def end(self) -> None:
        """Kill what still runs."""
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()

    def _start(self, log: str, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{log}.log").open("wb") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *words, "--host", "127.0.0.1"],
                env={**self._environment, **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
            )


@contextmanager
def dask_cluster(folder: Path, workers: int, **environment: str) -> Iterator[DaskCluster]:
    """A cluster with so many workers; whatever runs at the end is killed."""
    folder.mkdir()
    cluster = DaskCluster(folder, environment)
    try:
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.end()
