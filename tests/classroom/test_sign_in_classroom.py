"""Accounts from elsewhere in a real classroom: the hub reaches them, a room does not; signing in opens one's room."""

from __future__ import annotations

import json
import socket
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from autograder.classroom import passback, sign_in
from autograder.classroom.host import LABEL, Host
from autograder.classroom.images import ensure_images
from autograder.classroom.people import Person
from autograder.classroom.settings import Rooms, SignIn
from autograder.errors import ManyHandsError
from tests.classroom.conftest import ADDRESSES, LABS, Classroom, a_place, docker, lab_opens, wait_until
from tests.classroom.sign_in_hub import INSIDE

pytestmark = [pytest.mark.docker, pytest.mark.slow]
PORT = 8000
PROVIDER = f"""
import http.server, json, urllib.parse

class Provider(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(asked.query))
        if asked.path == "/authorize":
            self.send_response(302)
            told = urllib.parse.urlencode({{"code": query["account"], "state": query["state"]}})
            self.send_header("Location", query["redirect_uri"] + "?" + told)
            self.end_headers()
        else:
            self.tell({{"preferred_username": self.headers["Authorization"].split()[1]}})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.tell({{"access_token": dict(urllib.parse.parse_qsl(body))["code"], "token_type": "Bearer"}})

    def tell(self, what):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(what).encode())

http.server.ThreadingHTTPServer(("0.0.0.0", {PORT}), Provider).serve_forever()
"""
"""Believes everybody: what a careful one refuses is in test_sign_in.py. Here it is about who reaches it."""
REACH = f"import socket, sys; socket.create_connection((sys.argv[1], {PORT}), 10).close(); print('yes')"


@dataclass(frozen=True)
class Opened:
    classroom: Classroom
    provider: str
    """The provider's address, which this host reaches too."""

    @property
    def host(self) -> Host:
        return Host(self.classroom.settings.name)

    def reaches(self, container: str) -> bool:
        return docker("exec", container, "python", "-c", REACH, self.provider, check=False).endswith("yes")

    def come(self, account: str) -> tuple[httpx.Client, httpx.Response]:
        """Sign in there, and come back."""
        browser = self.classroom.browser()
        asked = browser.get("hub/oauth_login?next=%2Fhub%2Fhome", follow_redirects=False).headers["location"]
        back = browser.get(f"{asked}&account={account}", follow_redirects=False).headers["location"]
        return browser, browser.get(back, follow_redirects=False)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The provider is alone in the network of accounts, until the hub is let in."""
    with a_place(tmp_path_factory.mktemp("accounts")) as place:
        place.network_of_accounts()
        image = ensure_images(print, grading=False).services
        run = ("run", "--detach", "--name", f"{place.name}-provider", "--network", f"{place.name}_accounts")
        docker(*run, "--label", f"{LABEL}={place.name}", image, "python", "-c", PROVIDER)
        address = docker("inspect", "--format", ADDRESSES, f"{place.name}-provider")
        options = tomllib.loads((INSIDE.parent / "examples" / "oidc.toml").read_text())["sign_in"]["options"]
        ends = {"authorize_url": "authorize", "token_url": "token", "userdata_url": "userinfo"}
        options |= {key: f"http://{address}:{PORT}/{end}" for key, end in ends.items()}
        options |= {"oauth_callback_url": f"https://127.0.0.1:{place.port}/hub/oauth_callback"}
        settings = place.settings(rooms=Rooms(at_once=1), sign_in=SignIn("oidc", options))
        yield Opened(place.open(settings, [Person("ada")]), address)


def test_the_hub_reaches_accounts_a_room_does_not_and_signing_in_opens_it(opened: Opened) -> None:
    hub, room = opened.classroom.container("hub"), f"{opened.classroom.settings.name}-room-ada"
    assert not opened.reaches(hub)
    sign_in.open_way(opened.host)
    sign_in.open_way(opened.host)  # as every `up` does
    assert opened.reaches(hub)

    _, answer = opened.come("mallory")
    assert answer.status_code == 403
    assert "nobody of that name is in this class" in answer.text
    browser, answer = opened.come("ada")
    assert (answer.status_code, answer.headers["location"]) == (302, "/hub/home")
    browser.get("hub/spawn/ada")
    wait_until(lambda: lab_opens(browser, "ada"), "the room of ada")
    assert not opened.reaches(room)
    # and what the hub sends to other machines still goes that way, not into the room's network
    (network,) = json.loads(docker("network", "inspect", f"{opened.classroom.settings.name}_accounts"))
    gateway = socket.inet_aton(network["IPAM"]["Config"][0]["Gateway"])[::-1].hex().upper()
    routes = [line.split() for line in docker("exec", hub, "cat", "/proc/net/route").splitlines()[1:]]
    assert [route[2] for route in routes if route[1] == "00000000"] == [gateway]

    docker("rm", "--force", f"{opened.classroom.settings.name}-provider")
    sign_in.close_way(opened.host)
    assert f"{opened.classroom.settings.name}_accounts" not in docker("network", "ls", "--format", "{{.Name}}").split()


def test_the_host_is_told_of_grades_by_the_hub(opened: Opened) -> None:
    """The program that sends grades back runs in the hub's container. Nobody has graded yet: there are no tables."""
    with pytest.raises(ManyHandsError) as refused:
        passback.ask_hub(opened.host, LABS[0])
    assert "the gradebook cannot be read" in str(refused.value)
