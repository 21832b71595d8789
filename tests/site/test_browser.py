"""The site in a real browser: no barrier (WCAG 2.2 A and AA), no request that leaves, and a search without a server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Request, expect
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page as Tab

from tests.site.barriers import barriers
from tests.site.pages import GENERATED, WRITTEN

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)  # a page is judged by what it does, not by how busy the machine is

Scheme = Literal["light", "dark"]
WIDE, NARROW = (1360, 900), (390, 844)
NAMES = [*WRITTEN, *GENERATED[:5]]
"""Pages that get every look; the other generated ones are of one make, and get a shorter one."""


def visit(tab: Tab, address: str, patience: int = 5) -> None:
    """Open a page with all it loads. Whatever does not load is a fault of the page, but for one thing.

    When a test beside this one sets up a network, Chromium drops what it was loading (ERR_NETWORK_CHANGED). Then we ask
    again.
    """
    for _ in range(patience):
        failed: list[str] = []

        def note(request: Request, into: list[str] = failed) -> None:
            into.append(f"{request.url}: {request.failure}")

        tab.on("requestfailed", note)
        try:
            tab.goto(address, wait_until="networkidle")
        except PlaywrightError as error:
            failed.append(str(error))
        tab.remove_listener("requestfailed", note)
        if not any("ERR_NETWORK_CHANGED" in each for each in failed):
            assert failed == []
            return
    raise AssertionError(f"the network of this machine changed {patience} times: {failed}")


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Scheme:
    value: Scheme = request.param
    return value


@pytest.fixture
def wide(browser: Browser, scheme: Scheme) -> Iterator[Tab]:
    """A fresh tab on a desktop's screen, with as little motion as a reader may ask for."""
    yield from open_tab(browser, WIDE, scheme)


@pytest.fixture
def narrow(browser: Browser, scheme: Scheme) -> Iterator[Tab]:
    """The same on a telephone's screen."""
    yield from open_tab(browser, NARROW, scheme)


def open_tab(browser: Browser, size: tuple[int, int], scheme: Scheme) -> Iterator[Tab]:
    with browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce"
    ) as context:
        yield context.new_page()


@pytest.mark.parametrize("name", NAMES)
def test_no_barriers_with_every_answer_open(wide: Tab, address: str, name: str, scheme: Scheme) -> None:
    visit(wide, f"{address}/{name}")
    expect(wide.locator("body")).to_have_attribute(
        "data-md-color-scheme", {"light": "default", "dark": "slate"}[scheme]
    )
    wide.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert barriers(wide) == []


@pytest.mark.parametrize("scheme", ["dark"])
@pytest.mark.parametrize("name", NAMES)
def test_no_barriers_and_nothing_cut_off_on_a_narrow_screen(narrow: Tab, address: str, name: str) -> None:
    visit(narrow, f"{address}/{name}")
    narrow.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert narrow.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert barriers(narrow) == []


@pytest.mark.parametrize("number", range(5, len(GENERATED)), ids=lambda number: Path(GENERATED[number]).stem)
def test_no_barriers_on_a_page_of_a_list(browser: Browser, address: str, number: int) -> None:
    schemes: tuple[Scheme, Scheme] = ("light", "dark")
    for narrow in open_tab(browser, NARROW, schemes[number % 2]):
        visit(narrow, f"{address}/{GENERATED[number]}")
        assert narrow.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        assert barriers(narrow) == []


def test_no_barriers_in_the_search(wide: Tab, address: str) -> None:
    visit(wide, f"{address}/index.html")
    wide.keyboard.press("f")
    wide.keyboard.type("peak-to-fair")
    expect(wide.locator(".md-search-result__item").first).to_be_visible()
    assert barriers(wide) == []


def test_no_barriers_in_the_menu_and_a_keyboard_opens_it(narrow: Tab, address: str) -> None:
    visit(narrow, f"{address}/index.html")
    menu = narrow.get_by_role("button", name="Menu")
    menu.focus()
    narrow.keyboard.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    expect(narrow.get_by_role("link", name="Glossary").first).to_be_in_viewport()
    assert barriers(narrow) == []


def test_an_answer_opens_from_the_keyboard(browser: Browser, address: str) -> None:
    tab = browser.new_page()
    visit(tab, f"{address}/modules/01-anatomy/index.html")
    answer = tab.locator("details.option").first
    answer.locator("summary").focus()
    tab.keyboard.press("Enter")
    expect(answer).to_have_attribute("open", "")
    expect(answer.locator("p")).to_be_visible()
    tab.close()


@pytest.mark.parametrize("name", NAMES)
def test_no_request_leaves_the_site(browser: Browser, address: str, name: str) -> None:
    tab = browser.new_page()
    asked: list[Request] = []
    problems: list[str] = []
    tab.on("request", lambda request: asked.append(request))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    visit(tab, f"{address}/{name}")
    tab.close()
    assert asked
    assert [request.url for request in asked if not request.url.startswith((address, "data:"))] == []
    assert problems == []


def test_search_works_from_a_file_without_a_server(browser: Browser, site: Path) -> None:
    tab = browser.new_page()
    asked: list[Request] = []
    tab.on("request", lambda request: asked.append(request))
    tab.goto((site / "index.html").as_uri())
    tab.keyboard.press("f")
    tab.keyboard.type("peak-to-fair")
    result = tab.locator(".md-search-result__item a").first
    expect(result).to_be_visible()
    expect(result).to_have_attribute("href", re.compile("^file://"))
    tab.close()
    assert [request.url for request in asked if not request.url.startswith(("file:", "data:", "about:"))] == []
