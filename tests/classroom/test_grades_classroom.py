"""Grades back to the platform that a class came from, in a real classroom: launch, hand in, grade, send, mend, send."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from autograder.classroom import sign_in
from autograder.classroom.host import LABEL, Host
from autograder.classroom.opening import close_classroom, open_classroom
from autograder.classroom.people import Person
from autograder.classroom.settings import Quota, Rooms, Settings, SignIn
from autograder.classroom.state import prepare
from autograder.labs.catalogue import load_lab
from tests.classroom.conftest import LABS, Classroom, Room, docker, lab_opens, wait_until
from tests.classroom.sign_in_accounts import on_loopback
from tests.classroom.sign_in_hub import INSIDE, ROOT
from tests.classroom.sign_in_platform import CLIENT, ISSUER, Platform

pytestmark = [pytest.mark.docker, pytest.mark.slow]
(LAB,) = LABS
CONFIG = f"labs/{LAB}/conf/nginx.conf"


@dataclass(frozen=True)
class School:
    """A classroom, the platform that its people come from, and a file of settings for the command."""

    classroom: Classroom
    platform: Platform
    file: Path

    def launch(self, name: str) -> Room:
        """Click the course's link as somebody, and wait until the room answers."""
        browser = self.classroom.browser()
        url = self.classroom.settings.url
        told = {"iss": ISSUER, "login_hint": name, "target_link_uri": f"{url}/hub/home", "client_id": CLIENT}
        answer = browser.post("hub/lti13/oauth_login", data=told, follow_redirects=False)
        asked = parse_qs(urlsplit(answer.headers["location"]).query)
        token = self.platform.sign(self.platform.claims(name, asked["nonce"][0], preferred_username=name))
        answer = browser.post("hub/lti13/oauth_callback", data={"id_token": token, "state": asked["state"][0]})
        assert (answer.status_code, answer.url.path) == (200, "/hub/home"), answer.text
        browser.get(f"hub/spawn/{name}")
        wait_until(lambda: lab_opens(browser, name), f"the room of {name}")
        return Room(name, f"{self.classroom.settings.name}-room-{name}", browser)

    def grades(self, *options: str) -> dict[str, tuple[str, float]]:
        """The command, on the host: student → what became of the score, and the score."""
        command = [sys.executable, "-P", "-m", "autograder", "classroom", "grades", LAB, "--json", *options]
        command += ["--settings", str(self.file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return {row["student"]: (row["now"], row["score"]) for row in json.loads(done.stdout)}


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[School]:
    """The hub asks for the platform's keys at an address of this host that it reaches; scores go over loopback."""
    monkeypatch.setenv("MANYHANDS_HOME", str(tmp_path))
    name = f"mh-test-{uuid.uuid4().hex[:8]}"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    browsers: list[httpx.Client] = []
    try:
        docker("network", "create", "--label", f"{LABEL}={name}", f"{name}_accounts")
        network = json.loads(docker("network", "inspect", f"{name}_accounts"))[0]
        platform = Platform()
        with ExitStack() as served:
            platform.address = served.enter_context(on_loopback(platform.app()))
            seen = served.enter_context(on_loopback(platform.app(), network["IPAM"]["Config"][0]["Gateway"]))
            options = tomllib.loads((INSIDE.parent / "examples" / "lti13.toml").read_text())["sign_in"]["options"]
            options |= {"jwks_endpoint": f"{seen}/jwks", "token_url": f"{platform.address}/token"}
            options |= {"issuer": ISSUER, "client_id": [CLIENT], "username_key": "preferred_username"}
            settings = Settings(
                name=name,
                port=port,
                quota=Quota(processes=512),
                rooms=Rooms(at_once=2),
                labs=LABS,
                sign_in=SignIn("lti13", options),
            )
            state = prepare(tmp_path, settings)
            sign_in.own_key(state)  # as `classroom up` does
            people = [Person("ada"), Person("grace", "instructor")]
            opened = open_classroom(settings, people, print, grading=False, site=False)
            sign_in.open_way(Host(name))
            platform.tools = json.loads((state.folder / "hub" / "jwks.json").read_text(encoding="utf-8"))
            file = tmp_path / "classroom.toml"
            told = "\n".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
            file.write_text(f'name = "{name}"\nport = {port}\n[sign_in]\nkind = "lti13"\n[sign_in.options]\n{told}\n')
            yield School(Classroom(settings, opened, state.authority, browsers), platform, file)
    finally:
        for browser in browsers:
            browser.close()
        close_classroom(name, delete_work=True)


def hand_in(ada: Room, config: str) -> None:
    headers = {"Authorization": f"token {ada.token()}"}
    said = {"type": "file", "format": "text", "content": config}
    ada.browser.put(f"user/ada/api/contents/{CONFIG}", json=said, headers=headers).raise_for_status()
    docker("exec", ada.container, "manyhands", "nbgrader", "submit", LAB)


def judge(grace: Room) -> float:
    """Collect and grade as an instructor does; the points that ada has then."""
    docker("exec", grace.container, "manyhands", "nbgrader", "collect", LAB, "--update")
    told = json.loads(docker("exec", grace.container, "manyhands", "grade", LAB, "--json"))
    (row,) = told["rows"]
    assert (row["student"], told["held"]) == ("ada", [])
    return float(row["points"])


def test_grades_reach_the_platform_once_and_again_when_they_change(school: School) -> None:
    ada, grace = school.launch("ada"), school.launch("grace")
    own = ada.browser.get(f"user/ada/api/contents/{CONFIG}").json()["content"]
    hand_in(ada, "no config")
    first = judge(grace)
    assert school.grades("--dry-run") == {"ada": ("new", first)}
    assert school.platform.scores == []
    assert school.grades() == {"ada": ("sent", first)}
    assert school.grades() == {"ada": ("same", first)}

    hand_in(ada, own)  # it starts, at least
    second = judge(grace)
    assert second > first
    assert school.grades("--dry-run") == {"ada": ("changed", second)}
    assert school.grades() == {"ada": ("sent", second)}
    assert school.grades() == {"ada": ("same", second)}

    (column,) = school.platform.items
    assert (column["label"], column["scoreMaximum"]) == (load_lab(LAB).title, 10.0)
    received = [(one["userId"], one["scoreGiven"], one["scoreMaximum"]) for one in school.platform.scores]
    assert received == [("id-ada", first, 10.0), ("id-ada", second, 10.0)]
