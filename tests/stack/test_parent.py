"""Workers of a pool end with the process that started them, also when it is killed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from autograder.launch.processes import Process

if TYPE_CHECKING:
    from pathlib import Path

POOL = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from autograder.stack.parent import end_with

def work():
    os.write(1, f"{os.getpid()}\\n".encode())  # in one piece: another one writes there, too
    time.sleep(3600)

if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    # No worker is replaced: with max_tasks_per_child, CPython 3.11's pool sometimes waits for ever (gh-115634).
    with ProcessPoolExecutor(2, spawn, end_with, (os.getpid(),)) as pool:
        for under_way in [pool.submit(work), pool.submit(work)]:
            under_way.result()
"""


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(POOL, encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout
            workers = [Process.of(int(parent.stdout.readline())) for _ in range(2)]
            running = [worker for worker in workers if worker and worker.runs()]
            assert len(running) == 2
        finally:
            parent.kill()
        parent.wait()
        assert all(worker.wait(30) for worker in running)
