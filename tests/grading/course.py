"""A real course for tests: prepared once with nbgrader, copied for each test that changes it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.grading.classroom import prepare_class
from autograder.grading.settings import COURSE, Places, nbgrader_settings, server_environment
from autograder.labs.catalogue import load_lab

LAB = "spread-the-load"


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the lab prepared; one for all of xdist's workers, for nbgrader takes its seconds. Read only."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    home = shared / "prepared"
    with (shared / "prepared.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prepare_class(home, [LAB], seed="none")  # tests know the lab as it is written
    return home


@pytest.fixture
def places(prepared_home: Path, tmp_path: Path) -> Places:
    """A prepared class of the test's own."""
    shutil.copytree(prepared_home, tmp_path / "work")
    return Places(tmp_path / "work")


def config(name: str) -> bytes:
    """A config of the lab: ``start``, ``reference``, or one of the wrong ones."""
    lab = load_lab(LAB)
    folder = {"start": lab.start, "reference": lab.reference}.get(name, lab.folder / "wrong" / name)
    return (folder / "conf" / "nginx.conf").read_bytes()


def expected(name: str) -> float:
    """The points the lab's author says a wrong config gets."""
    import tomllib

    lab = load_lab(LAB)
    told = tomllib.loads((lab.folder / "wrong" / name / "expect.toml").read_text())["checks"]
    return sum(check.points for check in lab.checks if told[check.name] == "passed")


def hand_in(places: Places, student: str, conf: bytes | None) -> Path:
    """Put a submission where collecting would, and return its folder; without ``conf`` the file is missing."""
    folder = places.submitted(student, LAB)
    shutil.copytree(places.outbound(LAB), folder)
    if conf is None:
        (folder / "conf" / "nginx.conf").unlink()
    else:
        (folder / "conf" / "nginx.conf").write_bytes(conf)
    return folder


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def scores(places: Places) -> dict[str, dict[str, float | None]]:
    """What the gradebook holds: student → check → automatic score."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{places.course}/gradebook.db", COURSE) as book:
        return {
            submission.student.id: {
                grade.name: grade.auto_score for notebook in submission.notebooks for grade in notebook.grades
            }
            for submission in book.assignment_submissions(LAB)
        }


def records(places: Places) -> list[dict[str, Any]]:
    """Every verdict record of the class."""
    found = sorted((places.records / LAB).glob("*/*-*.json"))
    return [json.loads(path.read_bytes()) for path in found]


class Learner:
    """Somebody with a home of their own and nbgrader's real exchange between them and the class."""

    def __init__(self, name: str, places: Places, home: Path) -> None:
        from nbgrader.coursedir import CourseDirectory
        from traitlets.config import Config

        self.folder = home / LAB
        settings = nbgrader_settings(places.home)
        self._config = Config(
            {"Exchange": {**settings["Exchange"], "assignment_dir": str(home), "cache": str(home / "c")}}
        )
        self._course = CourseDirectory(course_id=COURSE, student_id=name, assignment_id=LAB, root=str(home))
        home.mkdir()

    def fetch(self) -> None:
        self._run("FetchAssignment")

    def submit(self) -> None:
        self._run("Submit")

    def _run(self, step: str) -> None:
        from nbgrader.auth import Authenticator
        from nbgrader.exchange import ExchangeFactory

        make = getattr(ExchangeFactory(config=self._config), step)
        make(coursedir=self._course, authenticator=Authenticator(config=self._config), config=self._config).start()


@pytest.fixture
def same_folder() -> Iterator[None]:
    """Nbgrader changes the working folder; a test must find it where it was."""
    before = Path.cwd()
    yield
    assert Path.cwd() == before


def nbgrader(places: Places, *arguments: str) -> str:
    """One of nbgrader's own commands, by hand, in the course's folder."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "nbgrader", *arguments],
        cwd=places.course,
        env={**os.environ, **server_environment(places.home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
