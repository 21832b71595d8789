"""Where no line is known to be the cause, the traffic says what it can, and no more."""

from __future__ import annotations

import pytest

from autograder.judge.spread import judge_spread
from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.kinds import clues
from autograder.labs.verdict import Outcome
from autograder.traffic.sample import Fate, Sample

FAIR = {"app1": 0.25, "app2": 0.25, "app3": 0.25, "app4": 0.25}
SHOP, ADDRESS = load_lab("spread-the-load"), load_lab("one-address")
KNEE = load_lab("find-the-knee")


def _sample(servers: list[str], addresses: list[str]) -> Sample:
    fates = (
        Fate(number, address, 200 if server else 502, "" if server else "5xx-balancer", 1.0, server)
        for number, (server, address) in enumerate(zip(servers, addresses, strict=True))
    )
    return Sample("many", "", tuple(fates), 1.0)


def _said(servers: list[str], addresses: list[str] | None = None, paths: list[str] | None = None) -> str:
    sample = _sample(servers, addresses or [f"198.19.1.{number}" for number in range(len(servers))])
    return clues.of_spread(judge_spread(sample, FAIR, unit="request"), sample, paths or [])


def test_one_address_on_one_server_is_told() -> None:
    assert "come from one address" in _said(["app1"] * 50, ["198.19.77.5"] * 50)
    assert _said(["app1"] * 50) == ""
    assert _said(["app1", "app2", "app3", "app4"] * 20, ["198.19.77.5"] * 80) == ""


def test_a_choice_by_the_page_is_told() -> None:
    servers = ["app1", "app1", "app1", "app2"] * 20
    pages = ["/", "/help", "/login", "/basket"] * 20
    assert "who chooses by the page" in _said(servers, paths=pages)
    assert _said(servers, paths=pages[1:] + pages[:1]) != ""
    assert _said(servers, paths=[f"/item/{number}" for number in range(80)]) == ""
    assert "page" not in _said(["app1", "app1", "app2", "app2", "app3"] * 16, paths=pages)


def test_a_server_without_a_request_is_named() -> None:
    assert "keep requests from app4" in _said(["app1", "app2", "app3"] * 40)


def test_who_was_not_served_is_not_called_uneven() -> None:
    assert _said([""] * 50) == clues.NOT_SERVED
    assert _said([*[""] * 49, "app1"], ["198.19.77.5"] * 50) == clues.NOT_SERVED
    assert _said([*["app1", "app2", "app3", "app4"] * 20, ""]) == clues.NOT_SERVED


def test_what_quiet_traffic_showed_is_told_after_a_crash() -> None:
    def said(servers: list[str]) -> str:
        return clues.of_crash(judge_spread(_sample(servers, ["198.19.1.1"] * len(servers)), FAIR, unit="request"))

    assert said(["app1", "app1", "app1", "app2", "app3", "app4"] * 10).startswith("In quiet traffic app1 got 50% of 60")
    assert said(["app1", "app2", "app3", "app4"] * 10) == ""
    assert said([""] * 10) == ""


@pytest.mark.parametrize(
    ("found", "instead", "check", "said"),
    [
        ("app3:8080", "app3:8808", "spread", "keep requests from app3"),
        ("zone shop 64k;", "zone shop 64k; hash $request_uri consistent;", "spread", "who chooses by the page"),
        ("weight=2", "weight=3", "peak", "In quiet traffic app4 got 50%"),
    ],
)
def test_a_mend_that_no_line_is_known_for_is_told_from_its_traffic(
    found: str, instead: str, check: str, said: str
) -> None:
    config = SHOP.read(SHOP.reference)["conf/nginx.conf"].decode()
    assert found in config
    (verdict,) = examine(SHOP, {"conf/nginx.conf": config.replace(found, instead).encode()}, checks=[check])
    assert said in verdict.why
    assert "No line of the config is known to do this" not in verdict.why


def test_limits_are_named_wherever_they_turn_people_away() -> None:
    config = SHOP.read(SHOP.reference)["conf/nginx.conf"].decode().replace(":8080", ":8080 max_conns=1")
    for verdict in examine(SHOP, {"conf/nginx.conf": config.encode()}, checks=["spread", "peak"]):
        assert [cause.mistake for cause in verdict.causes] == ["limits-without-room"], verdict.check


def test_an_office_that_is_one_client_is_told_where_the_real_address_is_known() -> None:
    for verdict in examine(ADDRESS, ADDRESS.read(ADDRESS.folder / "wrong/real-address-hash"), checks=["office"]):
        assert "come from one address" in verdict.why
    for verdict in examine(ADDRESS, ADDRESS.read(ADDRESS.folder / "wrong/phones-another-header"), checks=["phones"]):
        assert "come from one address" in verdict.why


def test_right_weights_that_leastconn_does_not_look_at_are_told() -> None:
    files = KNEE.read(KNEE.reference)
    config = files["conf/haproxy.cfg"].replace(b"balance roundrobin", b"balance leastconn")
    assert config != files["conf/haproxy.cfg"]
    (verdict,) = examine(KNEE, {**files, "conf/haproxy.cfg": config}, checks=["spread"])
    assert verdict.outcome is Outcome.FAILED
    assert "leastconn compares how many requests are open" in verdict.why
