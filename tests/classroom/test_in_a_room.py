"""What a room does by itself: labs come over the exchange, submissions go there, and what failed does not look done.

The exchange answers over real HTTP from the real folder behind it; only who asks is said by the token itself, where in
a classroom the hub is asked.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeError, ExchangeFactory
from nbgrader.utils import notebook_hash
from traitlets.config import Config

from autograder.classroom.exchange import SECRET, Store
from autograder.classroom.fetching import bring_labs, hand_out_released
from autograder.errors import ManyHandsError
from autograder.grading.settings import COURSE, EXCHANGE, Places, nbgrader_settings
from tests.grading.course import LAB, prepared_home

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["prepared_home"]


class _Exchange(BaseHTTPRequestHandler):
    """As docker/classroom/inside/exchange_service.py answers."""

    store: ClassVar[Store]
    asked: ClassVar[list[str]]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        _, kind, *name = self.path.split("/")
        if kind == "labs" and not name:
            self._answer(200, json.dumps(self.store.released()).encode())
            return
        found = self.store.lab(name[0]) if kind == "labs" else self.store.feedback(name[0])
        self._answer(404 if found is None else 200, found or b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        person = self.headers["Authorization"].removeprefix("token ")
        try:
            when = self.store.take(person, self.path.split("/")[2], body)
        except ManyHandsError as error:
            self._answer(400, json.dumps({"what": error.what, "why": error.why, "next": error.remedy}).encode())
            return
        self._answer(200, json.dumps({"timestamp": when}).encode())

    def _answer(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Not among the tests' words."""


@pytest.fixture
def class_side(prepared_home: Path, tmp_path: Path) -> Path:
    """The exchange's folder, with one lab released."""
    shutil.copytree(prepared_home / "exchange", tmp_path / "class-side")
    return tmp_path / "class-side"


@pytest.fixture
def exchange(class_side: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What rooms asked it for."""
    asked: list[str] = []
    handler = type("Exchange", (_Exchange,), {"store": Store(class_side), "asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv(EXCHANGE, f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "ada")
        monkeypatch.delenv("MANYHANDS_ROLE", raising=False)
        yield asked
        server.shutdown()
        thread.join()


@pytest.fixture
def room(tmp_path: Path, exchange: list[str]) -> Places:
    """A room into which the labs were brought."""
    assert exchange == []
    places = Places(tmp_path / "room")
    bring_labs(places, lambda _: None)
    return places


def submissions(class_side: Path) -> list[Path]:
    return sorted((class_side / COURSE / "inbound").iterdir())


class Ada:
    """A learner in the room, with nbgrader as it is set up there, and the copy of the lab that came."""

    def __init__(self, places: Places, home: Path) -> None:
        self.folder = home / LAB
        settings = nbgrader_settings(places.home)
        own = {**settings["Exchange"], "assignment_dir": str(home), "cache": str(home / "c")}
        self._config = Config({**settings, "Exchange": own})
        self._course = CourseDirectory(course_id=COURSE, student_id="ada", assignment_id=LAB, root=str(home))
        shutil.copytree(places.learner / LAB, self.folder)

    def submit(self) -> None:
        self._run("Submit")

    def fetch_feedback(self) -> None:
        self._run("FetchFeedback")

    def _run(self, step: str) -> None:
        make = getattr(ExchangeFactory(config=self._config), step)
        make(coursedir=self._course, authenticator=Authenticator(config=self._config), config=self._config).start()


def learner(places: Places, tmp_path: Path) -> Ada:
    return Ada(places, tmp_path / "ada")


def cached(tmp_path: Path) -> list[Path]:
    """What nbgrader shows as submitted."""
    return sorted((tmp_path / "ada/c").glob("*+*"))


def test_labs_are_brought_once_and_nothing_of_a_learner_s_is_touched(
    room: Places, exchange: list[str], class_side: Path
) -> None:
    assert exchange == ["/labs", f"/labs/{LAB}"]
    own = room.learner / LAB / "conf/nginx.conf"
    own.write_text("# mine\n")
    bring_labs(room, pytest.fail)
    assert exchange[2:] == ["/labs"], "what is here already is not fetched again"

    (class_side / COURSE / "outbound" / LAB / "conf/nginx.conf").write_text("# a newer release\n")
    bring_labs(room, pytest.fail)
    assert exchange[3:] == ["/labs", f"/labs/{LAB}"]
    assert (room.outbound(LAB) / "conf/nginx.conf").read_text() == "# a newer release\n"
    assert own.read_text() == "# mine\n"


def test_an_instructor_gets_copies_from_the_folder_itself(prepared_home: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared_home / "exchange", tmp_path / "work/exchange")
    places, said = Places(tmp_path / "work"), list[str]()
    hand_out_released(places, said.append)
    assert said == [f"{LAB} is here"]
    assert (places.learner / LAB / f"{LAB}.ipynb").is_file()


def test_a_submission_is_with_the_class_and_its_feedback_comes_back(
    room: Places, class_side: Path, tmp_path: Path
) -> None:
    ada = learner(room, tmp_path)
    (ada.folder / "conf/nginx.conf").write_text("# what I made of it\n")
    ada.submit()
    (kept,) = submissions(class_side)
    assert kept.name.startswith(f"ada+{LAB}+")
    assert (kept / "conf/nginx.conf").read_text() == "# what I made of it\n"

    ada.fetch_feedback()
    pages = class_side / COURSE / "feedback"
    pages.mkdir()
    (pages / f"{notebook_hash(secret=(kept / SECRET).read_text(), notebook_id=LAB)}.html").write_text("well done")
    ada.fetch_feedback()
    (page,) = ada.folder.glob("feedback/*/*.html")
    assert page.read_text() == "well done"


def test_what_the_class_refuses_does_not_look_submitted(room: Places, class_side: Path, tmp_path: Path) -> None:
    ada = learner(room, tmp_path)
    shutil.rmtree(class_side / COURSE / "outbound" / LAB)
    with pytest.raises(ExchangeError, match=r"The class did not take it: this lab is not released\."):
        ada.submit()
    assert submissions(class_side) == cached(tmp_path) == []


def test_without_an_exchange_nothing_looks_submitted(
    room: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = learner(room, tmp_path)
    monkeypatch.setenv(EXCHANGE, "http://127.0.0.1:1/")
    with pytest.raises(ExchangeError, match="The exchange does not answer, nothing was submitted"):
        ada.submit()
    assert cached(tmp_path) == []
    assert list(room.inbound.glob("*+*")) == []


@pytest.mark.parametrize("role", ["learner", "instructor"])
def test_a_room_that_starts_has_its_labs_before_jupyterlab_is_asked_for(
    role: str, exchange: list[str], prepared_home: Path, tmp_path: Path
) -> None:
    home = tmp_path / "work"
    if role == "instructor":
        shutil.copytree(prepared_home, home)
    # JupyterLab for hubs is not installed here: that is how this room ends
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "autograder.classroom.room"],
        env={**os.environ, "MANYHANDS_HOME": str(home), "MANYHANDS_ROLE": role, "MANYHANDS_SEED": "none"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "jupyterhub" in ran.stderr
    assert "could not be brought" not in ran.stdout
    assert (home / "labs" / LAB / f"{LAB}.ipynb").is_file()
    assert f"labs/{LAB}/{LAB}.ipynb" in (home / "labs.md").read_text()
    assert exchange == ([] if role == "instructor" else ["/labs", f"/labs/{LAB}"])


def test_a_room_without_an_exchange_says_so_and_starts_all_the_same(tmp_path: Path) -> None:
    environment = {**os.environ, EXCHANGE: "http://127.0.0.1:1/", "JUPYTERHUB_API_TOKEN": "ada"}
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "autograder.classroom.room"],
        env={**environment, "MANYHANDS_HOME": str(tmp_path / "work")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.stdout.startswith("labs could not be brought: ")
    assert "jupyterhub" in ran.stderr
    assert (tmp_path / "work/labs.md").is_file()


def test_labs_are_released_by_a_program_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "autograder.classroom.releasing", LAB]
    environment = {**os.environ, "MANYHANDS_HOME": str(tmp_path / "work"), "MANYHANDS_SEED": "none"}
    for said in (f"preparing {LAB} with nbgrader", ""):
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
        assert said in ran.stdout
        assert list(Store(tmp_path / "work/exchange").released()) == [LAB]
    assert "preparing" not in ran.stdout, "what is released stays"
