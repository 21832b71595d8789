"""What the pages of the playground say of their simulations is what these give; and they can be used by everybody."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from autograder.bench.site.page import Page
from tests.facts.shop import words_of
from tests.site.pages import COURSE, hook
from tests.site.simulation import simulated

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

NAMES = sorted(hook("playground").SCRIPTS)
HEAVIEST = 100 * 1024
STORM = {"load": 80, "left": 33, "lasts": 60, "timeout": 2, "retries": 2, "budget": 0, "queue": 1000, "after": "none"}
TESTS = {"users": 1, "rate": 50, "workers": 4, "service": 6, "freeze": 2000, "seed": 1}


def told(name: str) -> str:
    """The words of a page of the playground."""
    return words_of(COURSE / f"playground/{name}.md")


def test_only_a_rollback_that_breaks_the_circle_ends_the_storm() -> None:
    changes: list[dict[str, Any]] = [
        {}, {"lasts": 10}, {"lasts": 5}, {"retries": 0}, {"budget": 10}, {"queue": 150},
        {"after": "restart"}, {"after": "restart", "load": 90}, {"after": "turn"}, {"after": "off"},
    ]  # fmt: skip
    over = simulated("rollback", "given.map((one) => play.storm(one).over)", [STORM | change for change in changes])
    assert over == [None, None, None, 42, 68, 1, 0, None, None, 43]
    assert "42 seconds" in told("rollback")
    assert "68 seconds" in told("rollback")


def test_nothing_is_served_that_did_not_come() -> None:
    seen = simulated("rollback", "play.storm(given)", STORM)
    assert all(good <= 100 + 1e-6 for good in seen["good"])
    assert all(-1e-6 <= waiting <= 1000 + 1e-6 for waiting in seen["waiting"])
    assert sum(seen["good"]) <= 80 * 300
    assert max(seen["sent"][200:]) == pytest.approx(240, abs=10)  # the first try and two more


def test_burn_rates_are_those_of_the_module() -> None:
    rings = "given.map(([errors, lasts]) => play.alerts.map((alert) => play.rings(alert, 0.001, errors, lasts)))"
    all_fail, two, one = simulated("burn", rings, [[1, 1], [0.02, 60], [0.01, 480]])
    assert all_fail[0]["after"] * 60 == pytest.approx(51.84)
    assert two[0]["after"] == pytest.approx(43.2)
    assert two[0]["still"] * 60 == pytest.approx(84)
    assert two[0]["stillAlone"] == pytest.approx(16.8)
    assert one[0]["after"] is None
    assert one[1]["after"] == pytest.approx(216)
    spent = simulated("burn", "[play.budget(0.001, 0.02, 60), play.budget(0.001, 1, 1)].map((one) => one.spent)")
    assert spent == [pytest.approx(0.0278, abs=1e-4), pytest.approx(0.0231, abs=1e-4)]
    for words in ("**43 minutes**", "**84 seconds**", "17 minutes", "2.78 %", "2.31 %", "52 seconds", "3.6 hours"):
        assert words in told("burn")


def test_the_ring_moves_what_a_real_nginx_moves() -> None:
    asked = """["leaves", "joins"].map((change) => play.change({ count: 4, change, points: 160,
      keys: play.scenarios.crowds[0].clients.map(([address]) => address) }).map(({ moved, own }) => [moved, own]))"""
    leaves, joins = simulated("ring", asked)
    assert leaves == [[770, 258], [258, 258], [214, 214]]  # tests/facts/test_clients.py counts these at real servers
    assert joins == [[824, 186], [186, 186]]
    for words in ("**77 %** and **21 %**", "26 % move", "82 % move", "19 % on the ring"):
        assert words in told("ring")


def test_a_closed_test_does_not_see_the_freeze() -> None:
    asked = "given.map((one) => [play.report(play.closed(one)), play.report(play.open(one))])"
    (shut, wide), (many, _), (slow, queue) = simulated(
        "loops", asked, [TESTS, TESTS | {"users": 20}, TESTS | {"service": 50, "workers": 1}]
    )
    assert (shut["requests"], shut["slow"], round(shut["high"])) == (1336, 1, 7)
    assert (wide["requests"], wide["slow"], round(wide["high"] / 1000, 1)) == (500, 82, 1.9)
    assert many["slow"] == 20
    assert many["high"] < 50
    assert slow["high"] <= 60 < 5_000 < queue["high"]
    assert "One of 1,336 requests was slow. Open: **1.9 s**. 82 of 500 were slow." in told("loops")


def test_what_is_lost_and_how_long_it_takes() -> None:
    base = {
        "every": 6,
        "since": 50,
        "unusable": 0,
        "notice": 15,
        "decide": 20,
        "machine": 30,
        "restore": 40,
        "check": 10,
    }
    well, late, bad = simulated(
        "recovery", "given.map(play.recovery)", [base, base | {"since": 100}, base | {"unusable": 1}]
    )
    assert (well["lost"], round(well["down"], 1), late["lost"]) == (3, 1.9, 6)
    assert (bad["lost"], bad["worst"]) == (9, 12)


@pytest.mark.parametrize("name", NAMES)
def test_only_its_own_page_loads_a_simulation_and_it_is_light(site: Path, name: str) -> None:
    loaded = [each for each in Page(site, f"playground/{name}.html").loads() if "/playground/" in each]
    files = [(site / "playground" / each).resolve() for each in loaded]
    assert any(file.name == f"{name}.js" for file in files)
    assert sum(file.stat().st_size for file in files) <= HEAVIEST
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) <= HEAVIEST / 4
    assert [each for each in Page(site, "index.html").loads() if "/playground/" in each] == []


def opened(browser: Browser, motion: Literal["reduce", "no-preference"]) -> Tab:
    """A window of somebody who likes motion, or does not. A busy machine gets its time."""
    tab = browser.new_page(reduced_motion=motion)
    tab.set_default_timeout(60_000)
    return tab


@pytest.mark.browser
def test_without_a_server_a_keyboard_changes_what_is_seen_said_and_kept(browser: Browser, site: Path) -> None:
    tab = opened(browser, "reduce")
    tab.goto(f"{(site / 'playground/balancing.html').as_uri()}#clients=office&seed=7&shown=0")
    verdict = tab.get_by_role("status").and_(tab.locator(".mhp-verdict"))
    verdict.get_by_text("No request yet").wait_for()
    assert tab.get_by_label("Seed of the chance").input_value() == "7"
    assert tab.get_by_role("button", name="Play").count() == 0, "who asked for less motion goes step by step"

    tab.get_by_role("button", name="Ten more").focus()
    tab.keyboard.press("Enter")
    verdict.get_by_text("10 requests, everybody behind one office address").wait_for()
    assert re.search(r"clients=office.*seed=7.*shown=10", tab.url)
    tab.get_by_label("Requests so far").focus()
    tab.keyboard.press("End")
    verdict.get_by_text("Source hash (2.5)").wait_for()
    row = tab.locator(".mhp-table tbody tr").filter(has_text="Source hash").locator("td").all_text_contents()
    assert row[:4] == ["0", "0", "0", "600"]
    tab.get_by_label("Who comes").select_option("few")
    verdict.get_by_text("5 clients in 5 networks").wait_for()
    assert "clients=few" in tab.url
    tab.close()


@pytest.mark.browser
def test_a_play_moves_when_asked_and_stops_when_asked(browser: Browser, site: Path) -> None:
    tab = opened(browser, "no-preference")
    tab.clock.install(time=0)
    tab.goto(f"{(site / 'playground/balancing.html').as_uri()}#shown=0")
    tab.get_by_text("No request yet").wait_for()
    tab.clock.pause_at(3_600)  # from here on, time is what the test says
    shown = tab.get_by_label("Requests so far")
    tab.clock.run_for(1_000)
    assert shown.input_value() == "0", "nothing moves by itself"
    tab.get_by_role("button", name="Play").click()
    tab.clock.run_for(500)
    assert shown.input_value() == "50"
    tab.get_by_role("button", name="Pause").click()
    tab.clock.run_for(1_000)
    assert shown.input_value() == "50"
    tab.get_by_role("button", name="Play").click()
    tab.clock.run_for(60_000)
    assert shown.input_value() == "600", "it stops at the end"
    tab.get_by_role("button", name="Play").wait_for()
    tab.close()
