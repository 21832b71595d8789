"""Coming from a learning platform (LTI 1.3): the classroom's hub and a platform, both real, on loopback."""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from nbgrader.api import Gradebook

from autograder.classroom import passback
from autograder.classroom.passback_service import Service
from autograder.classroom.sign_in import own_key
from autograder.classroom.state import State
from tests.classroom.sign_in_accounts import on_loopback
from tests.classroom.sign_in_hub import INSIDE, ROOT, SITE, Browser, Hub, a_hub, install
from tests.classroom.sign_in_platform import AGS, CLIENT, ISSUER, LTI, Asked, Platform, clicked

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sign-in")]
LOGIN, CALLBACK = f"{SITE}/hub/lti13/oauth_login", f"{SITE}/hub/lti13/oauth_callback"


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    platform = Platform()
    with on_loopback(platform.app()) as platform.address:
        yield platform


@pytest.fixture(scope="module")
def began() -> float:
    return time.time()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, platform: Platform, began: float) -> Iterator[Hub]:
    """Set up as the example says, with the platform's addresses in the place of the example's."""
    example = tomllib.loads((INSIDE.parent / "examples" / "lti13.toml").read_text())["sign_in"]
    ends = {"authorize_url": "/authorize", "jwks_endpoint": "/jwks", "token_url": "/token"}
    assert ends.keys() <= example["options"].keys()
    options = {**example["options"], **{name: platform.address + end for name, end in ends.items()}}
    options |= {"issuer": ISSUER, "client_id": [CLIENT]}
    library = install(tmp_path_factory.getbasetemp())
    with a_hub(tmp_path_factory.mktemp("lti") / "hub", library, example["kind"], options) as hub:
        people = [{"name": f"{name}@example.org", "role": "learner"} for name in ("ada", "alan")]
        hub.enrol([*people, {"name": "grace@example.org", "role": "instructor"}])
        yield hub


def begin(browser: Browser, target: str = f"{SITE}/hub/home") -> Asked:
    """Click the link in the course: the platform's page posts to the hub, and is asked who this is."""
    asked = Asked.of(browser.post(LOGIN, clicked(target), across=True))
    assert (asked.redirect_uri, asked.response_mode, asked.prompt) == (CALLBACK, "form_post", "none")
    return asked


def come(browser: Browser, token: str, state: str) -> httpx.Response:
    """The platform's page posts its answer."""
    return browser.post(CALLBACK, {"id_token": token, "state": state}, across=True)


def launch(browser: Browser, platform: Platform, account: str, **other: Any) -> httpx.Response:
    asked = begin(browser)
    return come(browser, platform.sign(platform.claims(account, asked.nonce, **other)), asked.state)


def test_a_launch_lets_in_whoever_is_in_the_list(hub: Hub, platform: Platform) -> None:
    browser = Browser(hub)
    answer = launch(browser, platform, "ada")
    assert (answer.status_code, answer.headers["location"]) == (302, "/hub/home")
    assert browser.signed_in() == "ada@example.org"


def test_a_link_to_a_lab_leads_there_and_to_no_other_site(hub: Hub, platform: Platform) -> None:
    browser = Browser(hub)
    asked = begin(browser, f"{SITE}/lab/tree/spread-the-load/spread-the-load.ipynb")
    answer = come(browser, platform.sign(platform.claims("ada", asked.nonce)), asked.state)
    assert answer.headers["location"] == "/lab/tree/spread-the-load/spread-the-load.ipynb"
    asked = begin(browser, "https://evil.example/x")
    answer = come(browser, platform.sign(platform.claims("ada", asked.nonce)), asked.state)
    assert answer.headers["location"] == "/x"


def test_whoever_is_not_in_the_list_is_told_so_and_what_to_do(hub: Hub, platform: Platform) -> None:
    browser = Browser(hub)
    answer = launch(browser, platform, "mallory")
    assert answer.status_code == 403
    assert "You signed in as mallory@example.org, and nobody of that name is in this class." in answer.text
    assert browser.signed_in() == ""


def test_the_role_is_what_the_list_says_not_the_platform(hub: Hub, platform: Platform) -> None:
    teacher = ["http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"]
    assert launch(Browser(hub), platform, "ada", **{LTI + "roles": teacher}).status_code == 302
    assert launch(Browser(hub), platform, "grace").status_code == 302
    groups = {user["name"].partition("@")[0]: user["groups"] for user in hub.ask("users")}
    assert groups == {"ada": [], "alan": [], "grace": ["instructors"]}


FORGED: Mapping[str, Callable[[Platform, dict[str, Any]], str]] = {
    "another key": lambda platform, claims: platform.sign(claims, RSAKey.generate_key(2048)),
    "a changed token": lambda platform, claims: _changed(platform.sign(claims)),
    "no signature": lambda _, claims: _unsigned(claims),
    "the public key as a password": lambda platform, claims: _with_password(platform, claims),
    "another audience": lambda platform, claims: platform.sign({**claims, "aud": "10000000000002"}),
    "several audiences, for another": lambda platform, claims: platform.sign(
        {**claims, "aud": [CLIENT, "2"], "azp": "2"}
    ),
    "another issuer": lambda platform, claims: platform.sign({**claims, "iss": "https://evil.example"}),
    "expired": lambda platform, claims: platform.sign({**claims, "exp": int(time.time()) - 60}),
    "without an end": lambda platform, claims: platform.sign(_without(claims, "exp")),
    "made in the future": lambda platform, claims: platform.sign({**claims, "iat": int(time.time()) + 3600}),
    "another nonce": lambda platform, claims: platform.sign({**claims, "nonce": "0" * 64}),
    "without a nonce": lambda platform, claims: platform.sign(_without(claims, "nonce")),
    "another version": lambda platform, claims: platform.sign({**claims, LTI + "version": "1.1.0"}),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_token_that_is_not_what_it_should_be_is_refused(hub: Hub, platform: Platform, what: str) -> None:
    browser = Browser(hub)
    asked = begin(browser)
    answer = come(browser, FORGED[what](platform, platform.claims("ada", asked.nonce)), asked.state)
    assert answer.status_code in (400, 401), answer.text
    assert "Go back to your course, and open the link there again." in answer.text
    assert browser.signed_in() == ""


def test_a_launch_counts_once_even_for_who_has_the_cookies_too(hub: Hub, platform: Platform) -> None:
    browser = Browser(hub)
    asked = begin(browser)
    token = platform.sign(platform.claims("ada", asked.nonce))
    kept = dict(browser.cookies)
    assert come(browser, token, asked.state).status_code == 302
    for who, said in ((Browser(hub, kept), "it was used already"), (Browser(hub), "state missing")):
        answer = come(who, token, asked.state)
        assert answer.status_code == 400
        assert said in answer.text
        assert who.signed_in() == ""


def test_a_token_of_an_earlier_hub_s_time_is_refused(hub: Hub, platform: Platform, began: float) -> None:
    """What that one saw is forgotten, so it may have been used."""
    answer = launch(Browser(hub), platform, "ada", iat=int(began) - 30)
    assert answer.status_code == 400
    assert "older than this classroom" in answer.text


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(hub: Hub, platform: Platform) -> None:
    mine, theirs = Browser(hub), Browser(hub)
    asked = begin(mine)
    begin(theirs)
    answer = come(theirs, platform.sign(platform.claims("ada", asked.nonce)), asked.state)
    assert answer.status_code == 400
    assert "state mismatch" in answer.text
    assert theirs.signed_in() == ""


def test_a_launch_tells_where_grades_go_and_the_newest_is_kept(hub: Hub, platform: Platform) -> None:
    assert launch(Browser(hub), platform, "alan", **{AGS + "claim/endpoint": {}}).status_code == 302
    assert launch(Browser(hub), platform, "alan").status_code == 302
    assert launch(Browser(hub), platform, "mallory").status_code == 403
    kept = [launch for launch in hub.launches() if launch["name"].startswith(("alan", "mallory"))]
    assert [{**one, "at": 0} for one in kept] == [
        {
            "name": "alan@example.org",
            "user": "id-alan",
            "client_id": CLIENT,
            "course": {"id": "course-7", "title": "Networks"},
            "items": f"{platform.address}/courses/7/items?kind=tool",
            "scopes": [AGS + "scope/lineitem", AGS + "scope/score"],
            "at": 0,
        }
    ]


@pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's way with SQLAlchemy
def test_a_grade_goes_back_to_where_its_owner_came_from(
    hub: Hub, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: a launch, nbgrader's gradebook, the hub's own program, our key, the platform's gradebook."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # nbgrader looks for alembic
    assert launch(Browser(hub), platform, "ada").status_code == 302
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        book.add_assignment("spread-the-load")
        book.add_notebook("spread-the-load", "spread-the-load")
        book.add_grade_cell("spread", "spread-the-load", "spread-the-load", max_score=10, cell_type="code")
        book.add_student("ada@example.org")
        book.add_submission("spread-the-load", "ada@example.org")
        book.find_grade("spread", "spread-the-load", "spread-the-load", "ada@example.org").auto_score = 7.5
        book.db.commit()
    environment = {**hub.environment, "GRADEBOOK": f"sqlite:///{tmp_path / 'gradebook.db'}"}
    environment["PYTHONPATH"] += f":{ROOT}"
    done = subprocess.run(
        [sys.executable, "-P", str(INSIDE / "grades.py"), "spread-the-load"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    rows = passback.decide(*passback.read(json.loads(done.stdout)), passback.Notes(tmp_path, "spread-the-load"))
    key = own_key(State(tmp_path))
    platform.tools = json.loads((tmp_path / "hub" / "jwks.json").read_text())
    with httpx.Client() as http:
        sent = passback.send(
            *(rows, "spread-the-load", "Spread the load", passback.Notes(tmp_path, "spread-the-load")),
            lambda client: Service(http, f"{platform.address}/token", client, key),
        )
    assert [(row.score.student, row.now, row.why) for row in sent] == [("ada@example.org", "sent", "")]
    (got,) = platform.scores
    assert (got["userId"], got["scoreGiven"], got["scoreMaximum"]) == ("id-ada", 7.5, 10)


def test_the_platform_can_fetch_the_public_key(hub: Hub) -> None:
    assert Browser(hub).get(f"{SITE}/hub/lti13/keys").status_code == 404
    (hub.folder / "jwks.json").write_text(json.dumps({"keys": []}))
    answer = Browser(hub).get(f"{SITE}/hub/lti13/keys")
    assert (answer.json(), answer.headers["content-type"]) == ({"keys": []}, "application/json")


def _without(claims: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in claims.items() if key != name}


def _changed(token: str) -> str:
    head, body, signature = token.split(".")
    return f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def _unsigned(claims: dict[str, Any]) -> str:
    signed = jwt.encode({"alg": "HS256", "kid": "platform"}, claims, OctKey.generate_key(256))
    head = "eyJhbGciOiJub25lIiwia2lkIjoicGxhdGZvcm0ifQ"  # {"alg":"none","kid":"platform"}
    return re.sub(r"^[^.]+(\.[^.]+\.).*$", rf"{head}\1", signed)


def _with_password(platform: Platform, claims: dict[str, Any]) -> str:
    """Signed by hand: no library of today would."""
    signed = jwt.encode({"alg": "HS256", "kid": "platform"}, claims, OctKey.generate_key(256)).rpartition(".")[0]
    mac = hmac.digest(platform.key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
