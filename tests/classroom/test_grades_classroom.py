"""Grades back to the platform that a class came from, in a real classroom: launch, hand in, grade, send, mend, send."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.classroom import sign_in
from autograder.classroom.host import Host
from autograder.classroom.people import Person
from autograder.classroom.settings import Quota, Rooms, SignIn
from autograder.classroom.state import prepare
from autograder.labs.catalogue import load_lab
from tests.classroom.conftest import LABS, Classroom, Room, a_place, docker, lab_opens, wait_until
from tests.classroom.sign_in_accounts import on_loopback
from tests.classroom.sign_in_hub import INSIDE, ROOT
from tests.classroom.sign_in_platform import CLIENT, ISSUER, Asked, Platform, clicked

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
        told = clicked(f"{self.classroom.settings.url}/hub/home", hint=name)
        asked = Asked.of(browser.post("hub/lti13/oauth_login", data=told, follow_redirects=False))
        token = self.platform.sign(self.platform.claims(name, asked.nonce, preferred_username=name))
        answer = browser.post("hub/lti13/oauth_callback", data={"id_token": token, "state": asked.state})
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
def school(tmp_path: Path) -> Iterator[School]:
    """The hub asks for the platform's keys at an address of this host that it reaches; scores go over loopback."""
    with a_place(tmp_path) as place, ExitStack() as served:
        platform = Platform()
        platform.address = served.enter_context(on_loopback(platform.app()))
        seen = served.enter_context(on_loopback(platform.app(), place.network_of_accounts()))
        options = tomllib.loads((INSIDE.parent / "examples" / "lti13.toml").read_text())["sign_in"]["options"]
        options |= {"jwks_endpoint": f"{seen}/jwks", "token_url": f"{platform.address}/token"}
        options |= {"issuer": ISSUER, "client_id": [CLIENT], "username_key": "preferred_username"}
        settings = place.settings(quota=Quota(processes=512), rooms=Rooms(at_once=2), sign_in=SignIn("lti13", options))
        state = prepare(tmp_path, settings)
        sign_in.own_key(state)  # as `classroom up` does
        classroom = place.open(settings, [Person("ada"), Person("grace", "instructor")])
        sign_in.open_way(Host(place.name))
        platform.tools = json.loads((state.folder / "hub" / "jwks.json").read_text(encoding="utf-8"))
        file = tmp_path / "classroom.toml"
        told = "\n".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
        named = f'name = "{place.name}"\nport = {place.port}\n'
        file.write_text(f'{named}[sign_in]\nkind = "lti13"\n[sign_in.options]\n{told}\n')
        yield School(classroom, platform, file)


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
