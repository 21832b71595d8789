"""formgrader in a real JupyterLab: the server answers others while a submission is being judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from autograder.grading.settings import Places
from tests.grading.course import LAB, config, hand_in, scores
from tests.grading.dask_cluster import ROOT, wait_until

pytestmark = pytest.mark.usefixtures("same_folder")
START = """
import os, sys
from pathlib import Path
from autograder.launch import jupyter
home = Path(sys.argv[1])
jupyter.prepare(home)
os.chdir(home)
command = jupyter.command(home, 0, exactly=True)
os.execv(command[0], command)
"""


class Lab:
    """A JupyterLab that runs."""

    def __init__(self, note: dict[str, Any]) -> None:
        self._url, self._token = note["url"], note["token"]

    def ask(self, path: str, data: bytes | None = None) -> Any:
        """What the API answers, read."""
        headers = {"Authorization": f"token {self._token}"}
        with urllib.request.urlopen(urllib.request.Request(self._url + path, data, headers), timeout=300) as answer:
            return json.loads(answer.read())


@contextmanager
def jupyterlab(home: Path, log: Path) -> Iterator[Lab]:
    """JupyterLab as `./manyhands up` starts it, on a port that the kernel chose."""
    runtime = home / ".jupyter" / "runtime"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(home)],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        notes: list[dict[str, Any]] = []

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            for note in runtime.glob("jpserver-*.json"):
                try:
                    notes.append(json.loads(note.read_text()))
                except ValueError:  # being written
                    return False
            return bool(notes)

        wait_until(ready, 180)
        yield Lab(notes[-1])
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_pressing_autograde_freezes_nobody(places: Places, tmp_path: Path) -> None:
    hand_in(places, "alice", config("reference"))
    hand_in(places, "bob", config("missing-semicolon"))
    with jupyterlab(places.home, tmp_path / "log") as lab:
        answers: list[Any] = []

        def press() -> None:
            answers.append(lab.ask(f"formgrader/api/submission/{LAB}/alice/autograde", b""))

        pressing = threading.Thread(target=press)
        answered = 0
        pressing.start()
        while pressing.is_alive():
            lab.ask("api/status")
            answered += pressing.is_alive()
        pressing.join()
        assert answers == [{"success": True}]
        # On the event loop it would be one, or two with luck.
        assert answered > 20
        assert sum(score or 0 for score in scores(places)["alice"].values()) == 10.0

        # What the gradebook holds shows in the pages of a server that had looked into it before.
        found = lab.ask(f"formgrader/api/submission/{LAB}/alice")
        assert (found["autograded"], found["score"]) == (True, 10.0)
        (places.submitted("alice", LAB) / "conf" / "nginx.conf").write_bytes(config("missing-semicolon"))
        assert lab.ask(f"formgrader/api/submission/{LAB}/alice/autograde", b"") == {"success": True}
        assert lab.ask(f"formgrader/api/submission/{LAB}/alice")["score"] == 0.0

        told = lab.ask(f"formgrader/api/submission/{LAB}/nobody/autograde", b"")
        assert not told["success"]
        assert told["log"]
        assert lab.ask(f"formgrader/api/assignment/{LAB}/alice/generate_feedback", b"")["success"]
        assert (places.course / "feedback" / "alice" / LAB / f"{LAB}.html").is_file()
