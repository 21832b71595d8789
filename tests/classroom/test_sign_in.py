"""Signing in with accounts of a company or university: the classroom's hub and a provider, both real, on loopback."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.classroom.sign_in_accounts import CLIENT, SECRET, Accounts, on_loopback
from tests.classroom.sign_in_hub import INSIDE, SITE, Browser, Hub, a_hub, install

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sign-in")]
CALLBACK = f"{SITE}/hub/oauth_callback"
PEOPLE = {
    account: {"sub": f"id-{account}", "preferred_username": name}
    for account, name in {"ada": "Ada", "alan": "alan", "grace": "grace", "mallory": "mallory"}.items()
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def accounts() -> Accounts:
    return Accounts(PEOPLE, CALLBACK)


@pytest.fixture(scope="module")
def provider(accounts: Accounts) -> Iterator[str]:
    with on_loopback(accounts.app()) as address:
        yield address


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, library: Path, provider: str) -> Iterator[Hub]:
    with a_hub(tmp_path_factory.mktemp("oidc") / "hub", library, "oidc", told(provider)) as hub:
        people = [{"name": name, "role": "learner"} for name in ("ada", "alan")]
        hub.enrol([*people, {"name": "grace", "role": "instructor"}])
        yield hub


def told(provider: str) -> dict[str, Any]:
    """The example's options, with the provider's addresses in the place of the example's."""
    example = tomllib.loads((INSIDE.parent / "examples" / "oidc.toml").read_text())["sign_in"]["options"]
    ends = {"authorize_url": "/authorize", "token_url": "/token", "userdata_url": "/userinfo"}
    options = {**example, **{name: provider + end for name, end in ends.items()}}
    return {**options, "client_id": CLIENT, "client_secret": SECRET, "oauth_callback_url": CALLBACK}


def begin(browser: Browser) -> str:
    """Press the button; the provider's address that the browser is sent to."""
    answer = browser.get(f"{SITE}/hub/oauth_login?next=%2Fhub%2Fhome")
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def choose(browser: Browser, asked: str, account: str) -> str:
    """Sign in at the provider; where it sends the browser back to."""
    answer = browser.get(f"{asked}&{urlencode({'account': account})}")
    assert answer.status_code == 302, answer.text
    back: str = answer.headers["location"]
    assert back.startswith(CALLBACK)
    return back


def sign_in(browser: Browser, account: str) -> httpx.Response:
    return browser.get(choose(browser, begin(browser), account))


def test_who_is_in_the_list_gets_in_under_the_name_in_the_list(hub: Hub) -> None:
    browser = Browser(hub)
    assert browser.signed_in() == ""
    answer = sign_in(browser, "ada")  # whose account says Ada
    assert (answer.status_code, answer.headers["location"]) == (302, "/hub/home")
    assert browser.signed_in() == "ada"
    assert Browser(hub).signed_in() == ""


def test_whoever_is_not_in_the_list_is_told_so_and_what_to_do(hub: Hub) -> None:
    browser = Browser(hub)
    answer = sign_in(browser, "mallory")
    assert answer.status_code == 403
    assert "You signed in as mallory, and nobody of that name is in this class." in answer.text
    assert "ask your instructor" in answer.text
    assert browser.signed_in() == ""
    assert "mallory" not in {user["name"] for user in hub.ask("users")}


def test_the_role_is_what_the_list_says(hub: Hub) -> None:
    for account in ("grace", "alan"):
        assert sign_in(Browser(hub), account).status_code == 302
    groups = {user["name"]: user["groups"] for user in hub.ask("users")}
    assert groups == {"ada": [], "alan": [], "grace": ["instructors"]}
    hub.enrol([{"name": "grace", "role": "learner"}])
    assert hub.ask("users/grace")["groups"] == []
    hub.enrol([{"name": "grace", "role": "instructor"}])


@pytest.mark.parametrize("what", ["another state", "no state", "no cookie"])
def test_an_answer_that_this_browser_did_not_ask_for_is_refused(hub: Hub, what: str) -> None:
    """Somebody sends a link that would sign others in with an account of theirs."""
    mine, theirs = Browser(hub), Browser(hub)
    back = choose(mine, begin(mine), "ada")
    begin(theirs)
    if what == "no state":
        said = parse_qs(urlsplit(back).query)
        answer = theirs.get(f"{CALLBACK}?{urlencode({'code': said['code'][0]})}")
    else:
        answer = (theirs if what == "another state" else Browser(hub)).get(back)
    assert answer.status_code == 400
    assert "This sign-in does not hold" in answer.text or what == "no state"
    assert theirs.signed_in() == ""


def test_a_code_that_was_stolen_is_worth_nothing_in_another_browser(hub: Hub, accounts: Accounts) -> None:
    """With a state of its own: the provider asks for the secret that only the first browser's cookie has (PKCE)."""
    mine, theirs = Browser(hub), Browser(hub)
    code = parse_qs(urlsplit(choose(mine, begin(mine), "ada")).query)["code"][0]
    own = parse_qs(urlsplit(choose(theirs, begin(theirs), "mallory")).query)["state"][0]
    before = len(accounts.refused)
    answer = theirs.get(f"{CALLBACK}?{urlencode({'code': code, 'state': own})}")
    assert answer.status_code == 400
    assert "its code was used already, or ran out. Begin again" in answer.text
    assert accounts.refused[before:] == ["invalid_grant"]
    assert theirs.signed_in() == ""


def test_a_code_is_good_for_once(hub: Hub, accounts: Accounts) -> None:
    browser = Browser(hub)
    back = choose(browser, begin(browser), "ada")
    kept = dict(browser.cookies)
    assert browser.get(back).status_code == 302
    again = Browser(hub, kept)  # somebody who had everything that the first had
    assert again.get(back).status_code != 302
    assert accounts.refused[-1] == "invalid_grant"


def test_an_error_of_the_provider_is_passed_on_with_a_next_step(hub: Hub) -> None:
    browser = Browser(hub)
    begin(browser)
    answer = browser.get(f"{CALLBACK}?error=access_denied&error_description=the+account+is+locked")
    assert answer.status_code == 400
    assert "the account is locked" in answer.text
    assert "Begin again" in answer.text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"username_claim": "nickname"}, "did not say your nickname (but preferred_username, sub)"),
        ({"client_secret": "mine"}, "refused this classroom (invalid_client)"),
        ({"token_url": "http://127.0.0.1:9/token"}, "does not answer"),
    ],
)
def test_settings_that_the_provider_does_not_take_are_the_instructors_to_mend(
    tmp_path: Path, library: Path, provider: str, wrong: dict[str, str], says: str
) -> None:
    with a_hub(tmp_path / "hub", library, "oidc", told(provider) | wrong) as hub:
        browser = Browser(hub)
        answer = sign_in(browser, "ada")
        assert answer.status_code == 502
        assert f"The server of your accounts {says}" in answer.text
        assert "That is not your fault" in answer.text
        assert browser.signed_in() == ""


def test_an_option_that_the_hub_does_not_know_stops_it(tmp_path: Path, library: Path) -> None:
    with pytest.raises(AssertionError, match=r"userdata_uri is no option of GenericOAuthenticator"):
        _open(tmp_path / "hub", library, {"userdata_uri": "https://login.example.org"})


def _open(folder: Path, library: Path, options: dict[str, Any]) -> None:
    with a_hub(folder, library, "oidc", options):
        pass
