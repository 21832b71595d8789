"""The site in a real browser: no barrier (WCAG 2.2 A and AA), no request that leaves, and a search without a server."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Request, expect
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page as Tab

from autograder.bench.site.barriers import COLOURS, LAYOUT, barriers
from autograder.bench.site.browser import dress
from autograder.bench.site.page import Page
from tests.site.pages import GENERATED, WRITTEN

pytestmark = pytest.mark.browser
PATIENCE_MS = 120_000  # a page is judged by what it does, not by how busy the machine is
expect.set_options(timeout=PATIENCE_MS)

Scheme = Literal["light", "dark"]
WIDE, NARROW = (1360, 900), (390, 844)
NAMES = [*WRITTEN, *GENERATED[:5]]
"""Pages that get every look; the other generated ones are of one make, and get a shorter one."""
FRAMES = (
    "index.html",
    "modules/04-overload/quiz.html",
    "reference/guard.html",
    "field-guide/index.html",
    "progress.html",
)
"""Pages whose menus, header and footer are looked at, too: all pages have those from one template."""
ARTICLE = "article"


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
            tab.goto(address)
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


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Tab]:
    """A window for all pages, one after the other: a new one costs more than the page in it."""
    with browser.new_context(reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context.new_page()


@pytest.fixture
def tab(window: Tab, address: str) -> Tab:
    """That window, with nothing remembered of the site."""
    window.goto("about:blank")
    session = window.context.new_cdp_session(window)
    session.send("Storage.clearDataForOrigin", {"origin": address, "storageTypes": "all"})
    session.detach()
    look(window, WIDE, "light")
    return window


OPEN = "document.querySelectorAll('details').forEach((each) => { each.open = true })"


DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Ends when the page has been drawn anew, and its scripts have been told of every size that changed."""


def look(tab: Tab, size: tuple[int, int], scheme: Scheme) -> None:
    """See what is shown on a screen of that size, in that scheme, when the page has settled."""
    tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    tab.set_viewport_size({"width": size[0], "height": size[1]})
    tab.evaluate(DRAWN)


def assert_scheme(tab: Tab, scheme: Scheme) -> None:
    expect(tab.locator("body")).to_have_attribute("data-md-color-scheme", {"light": "default", "dark": "slate"}[scheme])


def assert_fits(tab: Tab) -> None:
    assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


@pytest.mark.parametrize("name", NAMES)
def test_no_barriers_with_every_answer_open_and_no_request_leaves_the_site(tab: Tab, address: str, name: str) -> None:
    with watched(tab) as (asked, problems):
        visit(tab, f"{address}/{name}")
        tab.evaluate(OPEN)
        assert_scheme(tab, "light")
        assert barriers(tab, within=ARTICLE) == []
        tab.get_by_title("Use the dark colours").click()
        assert_scheme(tab, "dark")
        assert barriers(tab, within=ARTICLE, rules=COLOURS, alike=True) == []
        look(tab, NARROW, "dark")
        assert_fits(tab)
        assert barriers(tab, within=ARTICLE, rules=LAYOUT) == []
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert problems == []


@pytest.mark.parametrize("name", FRAMES)
def test_no_barriers_in_what_is_around_an_article(tab: Tab, address: str, name: str) -> None:
    visit(tab, f"{address}/{name}")
    tab.evaluate(OPEN)
    assert barriers(tab) == []
    dress(tab, "dark")
    assert barriers(tab) == []
    look(tab, NARROW, "light")
    assert barriers(tab) == []


def test_a_keyboard_reaches_wide_code_where_there_is_no_mouse(browser: Browser, address: str) -> None:
    with browser.new_context(reduced_motion="reduce", has_touch=True, is_mobile=True) as context:
        context.set_default_timeout(PATIENCE_MS)
        tab = context.new_page()
        look(tab, NARROW, "light")
        visit(tab, f"{address}/authors/labs.html")
        tab.evaluate(OPEN)
        assert not tab.evaluate("matchMedia('(hover)').matches")
        assert tab.evaluate("[...document.querySelectorAll('code')].some((one) => one.scrollWidth > one.clientWidth)")
        assert barriers(tab, within=ARTICLE, rules=LAYOUT) == []
        look(tab, NARROW[::-1], "light")
        assert barriers(tab, within=ARTICLE, rules=LAYOUT) == []


@pytest.fixture(scope="module")
def sheet(browser: Browser, address: str) -> Iterator[Tab]:
    """A narrow window with a page of the site, whose article is exchanged: styles and menus are loaded once."""
    with browser.new_context(reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE_MS)
        tab = context.new_page()
        look(tab, NARROW, "light")
        visit(tab, f"{address}/field-guide/index.html")
        yield tab


def show(tab: Tab, article: str) -> None:
    tab.evaluate("(text) => { document.querySelector('article').outerHTML = text }", article)


@pytest.mark.parametrize("number", range(5, len(GENERATED)), ids=lambda number: Path(GENERATED[number]).stem)
def test_no_barriers_on_a_page_of_a_list(sheet: Tab, site: Path, number: int) -> None:
    schemes: tuple[Scheme, Scheme] = ("light", "dark")
    dress(sheet, schemes[number % 2])
    show(sheet, str(Page(site, GENERATED[number]).article))
    assert_fits(sheet)
    # of names and what is said of them there are thousands, all of one make
    assert barriers(sheet, within=ARTICLE, alike="reference/api/" in GENERATED[number]) == []


SOUND = """<article class="md-content__inner md-typeset"><h1 id="top">A page</h1>
<p>That says <a href="#top">where</a> it goes.</p><ul><li>One</li></ul><img src="data:," alt="Nothing">
<table tabindex="0"><tr><th scope="col">A</th></tr></table><pre><code tabindex="0">Code</code></pre>
<label>Name <input type="text" autocomplete="name"></label>%s</article>"""
PALE = "<style>[data-md-color-scheme=%s] .pale { color: %s }</style><p>Words</p><p class=pale>Words</p>"
SMALL = """<style>.small { display: block; overflow: hidden; width: 60px; height: 60px }
@media (max-width: 600px) { .small { width: 9px; height: 9px } }</style>
<div><button class="small">A</button><button class="small">B</button></div>"""


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        ("", ["", "", "", ""]),
        ("<img src='data:,'>", ["image-alt", "", "", ""]),
        (PALE % ("default", "#ccc"), ["color-contrast", "", "", ""]),
        (PALE % ("slate", "#333"), ["", "color-contrast", "", ""]),
        (SMALL, ["", "", "target-size", ""]),
        ("<p style='width: 500px'>Wide</p>", ["", "", "", "too wide"]),
    ],
    ids=["sound", "no words", "pale in light", "pale in dark", "small when narrow", "wide"],
)
def test_each_look_sees_what_it_is_for(tab: Tab, address: str, broken: str, found: list[str]) -> None:
    visit(tab, f"{address}/field-guide/index.html")
    show(tab, SOUND % broken)
    told = [barriers(tab, within=ARTICLE)]
    dress(tab, "dark")
    told.append(barriers(tab, within=ARTICLE, rules=COLOURS, alike=True))
    look(tab, NARROW, "dark")
    told.append(barriers(tab, within=ARTICLE, rules=LAYOUT))
    try:
        assert_fits(tab)
        told.append([])
    except AssertionError:
        told.append(["too wide: "])
    assert ["".join(sorted({each.partition(":")[0] for each in one})) for one in told] == found


@contextlib.contextmanager
def watched(tab: Tab) -> Iterator[tuple[list[str], list[str]]]:
    """The addresses that a page asks for, and the errors that its scripts throw."""
    asked: list[str] = []
    problems: list[str] = []

    def note_request(request: Request) -> None:
        asked.append(request.url)

    def note_error(error: PlaywrightError) -> None:
        problems.append(str(error))

    tab.on("request", note_request)
    tab.on("pageerror", note_error)
    try:
        yield asked, problems
    finally:
        tab.remove_listener("request", note_request)
        tab.remove_listener("pageerror", note_error)


def test_no_barriers_in_the_search(tab: Tab, whole: str, scheme: Scheme) -> None:
    look(tab, WIDE, scheme)
    visit(tab, f"{whole}/index.html")
    tab.keyboard.press("f")
    tab.keyboard.type("peak-to-fair")
    expect(tab.locator(".md-search-result__item").first).to_be_visible()
    assert barriers(tab) == []


def test_no_barriers_in_the_menu_and_a_keyboard_opens_it(tab: Tab, address: str, scheme: Scheme) -> None:
    look(tab, NARROW, scheme)
    visit(tab, f"{address}/index.html")
    menu = tab.get_by_role("button", name="Menu")
    menu.focus()
    tab.keyboard.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    expect(tab.get_by_role("link", name="Start here").first).to_be_in_viewport()
    assert barriers(tab) == []


def test_an_answer_opens_from_the_keyboard(tab: Tab, address: str) -> None:
    visit(tab, f"{address}/modules/01-anatomy/index.html")
    answer = tab.locator("details.option").first
    answer.locator("summary").focus()
    tab.keyboard.press("Enter")
    expect(answer).to_have_attribute("open", "")
    expect(answer.locator("p")).to_be_visible()


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
