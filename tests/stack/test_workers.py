"""Workers end with the process that started them, and close what they have open when they are interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from autograder.launch.processes import Process
from autograder.stack import workers as module
from autograder.stack.procfs import wait_until
from autograder.stack.workers import Workers

PARENT = """
import os, time
from autograder.stack.workers import Workers

def work():
    os.write(1, f"{os.getpid()}\\n".encode())  # in one piece: another one writes there, too
    time.sleep(3600)

if __name__ == "__main__":
    # No worker is replaced: with max_tasks_per_child, CPython 3.11's pool sometimes waits for ever (gh-115634).
    with Workers(2) as workers:
        for under_way in [workers.submit(work), workers.submit(work)]:
            under_way.result()
"""


def open_for_long(folder: Path, name: str) -> None:
    (folder / f"{name}.open").touch()
    try:
        time.sleep(3600)
    finally:
        (folder / f"{name}.open").rename(folder / f"{name}.closed")


def deaf(folder: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (folder / "deaf.open").touch()
    time.sleep(3600)


def wait_for(path: Path) -> bool:
    return bool(wait_until(path.exists, 60))


def names(folder: Path, suffix: str) -> set[str]:
    return {path.stem for path in folder.glob(f"*{suffix}")}


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
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


def interrupted(folder: Path) -> None:
    with Workers(2) as workers:
        for number in range(6):
            workers.submit(open_for_long, folder, str(number))
        assert wait_until(lambda: len(names(folder, ".open")) == 2, 60)
        raise KeyboardInterrupt


def test_interrupted_workers_close_what_they_have_open_and_begin_nothing_new(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path)
    assert names(tmp_path, ".closed") == {"0", "1"}
    assert names(tmp_path, ".open") == set()


def test_workers_that_do_nothing_end_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    with Workers(2) as workers:
        assert workers.submit(max, 3, 4).result() == 4
        workers.end()
    assert capfd.readouterr() == ("", "")


def test_a_worker_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0)
    with Workers(1) as workers:
        under_way = workers.submit(deaf, tmp_path)
        assert wait_until(lambda: names(tmp_path, ".open"), 60)
        workers.end()
        with pytest.raises(BrokenProcessPool):
            under_way.result(0)


def test_what_waits_is_not_begun_after_the_block(tmp_path: Path) -> None:
    with Workers(1) as workers:
        under_way = workers.submit(wait_for, tmp_path / "go")
        waiting = [workers.submit(max, 3, number) for number in range(20)]
        threading.Thread(target=lambda: wait_until(waiting[-1].cancelled, 60) and (tmp_path / "go").touch()).start()
    assert under_way.result(0)
    assert [answer.cancelled() for answer in waiting[2:]] == [True] * 18
