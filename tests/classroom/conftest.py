"""One real classroom for all tests that need one: three people, no course pages, no grading cluster."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from autograder.classroom.host import LABEL
from autograder.classroom.opening import Opened, close_classroom, open_classroom
from autograder.classroom.people import Person
from autograder.classroom.settings import Quota, Rooms, Settings
from autograder.classroom.state import state_of

PASSWORD = "a password for ada"
ADDRESSES = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
LABS = ("spread-the-load",)
PATIENCE_SECONDS = 400


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return as soon as a condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.2)  # between two looks


def docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=300)
    assert not check or done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout.strip()


def lab_opens(browser: httpx.Client, name: str) -> bool:
    """Whether JupyterLab itself answers, and not the hub in its place."""
    answer = browser.get(f"user/{name}/lab")
    return answer.status_code == 200 and answer.url.path.startswith(f"/user/{name}/lab")


@dataclass(frozen=True)
class Room:
    """Somebody's room, and their browser."""

    name: str
    container: str
    browser: httpx.Client

    def run(self, code: str) -> Any:
        """Run Python in the room, as its owner could in a notebook; what it prints as JSON."""
        said = docker("exec", self.container, "python", "-P", "-c", code)
        return json.loads(said.splitlines()[-1])

    def token(self) -> str:
        """The room's own, which its owner can read."""
        told = json.loads(docker("inspect", "--format", "{{json .Config.Env}}", self.container))
        return next(one.partition("=")[2] for one in told if one.startswith("JUPYTERHUB_API_TOKEN="))

    def address(self) -> str:
        return docker(
            "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", self.container
        )


@dataclass(frozen=True)
class Classroom:
    settings: Settings
    opened: Opened
    authority: Path
    browsers: list[httpx.Client] = field(default_factory=list)
    """All that were opened, to be closed at the end."""
    rooms: dict[str, Room] = field(default_factory=dict)
    """As they were entered last."""

    def container(self, service: str) -> str:
        mine = f"label=com.docker.compose.project={self.settings.name}"
        named = f"label=com.docker.compose.service={service}"
        return docker("ps", "--quiet", "--filter", mine, "--filter", named)

    def browser(self) -> httpx.Client:
        trust = ssl.create_default_context(cafile=str(self.authority))
        browser = httpx.Client(base_url=self.settings.url, verify=trust, timeout=120, follow_redirects=True)
        self.browsers.append(browser)
        return browser

    def sign_in(self, name: str, password: str) -> httpx.Client:
        """A browser in which this person is signed in, if the hub let them."""
        browser = self.browser()
        browser.get("hub/login")
        told = {"username": name, "password": password, "_xsrf": browser.cookies["_xsrf"]}
        browser.post("hub/login", data=told)
        return browser

    def room(self, name: str) -> Room:
        """Somebody's room, open: entered anew if another test had it closed, or all of the classroom."""
        known = self.rooms.get(name)
        with suppress(httpx.TransportError):
            if known and lab_opens(known.browser, name):
                return known
        return self.enter(name, PASSWORD if name == "ada" else self.opened.passwords[name])

    def enter(self, name: str, password: str) -> Room:
        """Sign in and wait until the room answers."""
        browser = self.sign_in(name, password)
        # While the hub still closes the last one it starts none, and says so: a person's page would ask again.
        spawning = lambda: browser.get(f"hub/spawn/{name}").text  # noqa: E731
        wait_until(lambda: "Your server is stopping" not in spawning(), f"the last room of {name} is closed")
        wait_until(lambda: lab_opens(browser, name), f"the room of {name}")
        self.rooms[name] = Room(name, f"{self.settings.name}-room-{name}", browser)
        return self.rooms[name]


@dataclass(frozen=True)
class Place:
    """Where a classroom may open: under a name and a port of its own, in a folder."""

    home: Path
    name: str
    port: int
    browsers: list[httpx.Client] = field(default_factory=list)

    def network_of_accounts(self) -> str:
        """Make the network in which accounts from elsewhere are; this host's address in it."""
        docker("network", "create", "--label", f"{LABEL}={self.name}", f"{self.name}_accounts")
        (network,) = json.loads(docker("network", "inspect", f"{self.name}_accounts"))
        return str(network["IPAM"]["Config"][0]["Gateway"])

    def settings(self, **other: Any) -> Settings:
        return Settings(name=self.name, port=self.port, labs=LABS, **other)

    def open(self, settings: Settings, people: list[Person]) -> Classroom:
        opened = open_classroom(settings, people, print, grading=False, site=False)
        return Classroom(settings, opened, state_of(self.home, self.name).authority, self.browsers)


@contextmanager
def a_place(home: Path) -> Iterator[Place]:
    """A place until the end of the block; what opened there is gone then, with all that it had."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    place = Place(home, f"mh-test-{uuid.uuid4().hex[:8]}", port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MANYHANDS_HOME", str(home))
        try:
            yield place
        finally:
            for browser in place.browsers:
                browser.close()
            close_classroom(place.name, delete_work=True)


@contextmanager
def opened_classroom(home: Path, quota: Quota, people: list[Person], at_once: int) -> Iterator[Classroom]:
    """A classroom that is open until the end of the block."""
    with a_place(home) as place:
        yield place.open(place.settings(quota=quota, rooms=Rooms(at_once=at_once)), people)


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classroom]:
    people = [Person("ada", password=PASSWORD), Person("alan"), Person("grace", "instructor")]
    with opened_classroom(tmp_path_factory.mktemp("classroom"), Quota(processes=512), people, at_once=2) as opened:
        yield opened


@pytest.fixture
def ada(classroom: Classroom) -> Room:
    return classroom.room("ada")


@pytest.fixture
def alan(classroom: Classroom) -> Room:
    return classroom.room("alan")
