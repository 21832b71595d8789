"""The class page in a real browser: no barrier (WCAG 2.2 A and AA), no request, no script, and paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request

from autograder.grading.classreport.page import page as class_page
from tests.grading.report.test_page import a_summary

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
OPEN = "document.querySelectorAll('details').forEach((each) => { each.open = true })"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(class_page(a_summary()), encoding="utf-8")
    return path


@pytest.fixture(params=[("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)], ids=lambda p: f"{p[0]}-{p[1]}")
def tab(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    scheme, width = request.param
    # axe is put in from outside, which the page's own policy would forbid.
    with browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    ) as context:
        context.set_default_timeout(120_000)
        yield context.new_page()


def test_no_barriers_and_nothing_cut_off_with_everything_open(tab: Page, file: Path) -> None:
    tab.goto(file.as_uri())
    tab.evaluate(OPEN)
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = Axe().run(tab, options=options).response
    assert len(found["passes"]) > 15, "axe-core looked at nothing"
    assert [(rule["id"], node["target"]) for rule in found["violations"] for node in rule["nodes"]] == []
    assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_no_request_no_script_no_breach_of_the_pages_own_policy(browser: Browser, file: Path) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        tab = context.new_page()
        asked: list[Request] = []
        said: list[str] = []
        tab.on("request", lambda request: asked.append(request))
        tab.on("console", lambda message: said.append(message.text))
        tab.goto(file.as_uri(), wait_until="networkidle")
        assert [request.url for request in asked if not request.url.startswith("data:")] == [file.as_uri()]
        assert said == []
        # The style sheet applies, so its hash in the policy is right.
        assert tab.locator(".tiles").bounding_box()
        tab.get_by_text("Show 44 students").click()
        assert tab.get_by_role("table", name="Every student").is_visible()


def test_the_policy_stops_what_should_not_be_there(browser: Browser, file: Path) -> None:
    """Were something of a learner's to slip through the escaping, it would still do nothing."""
    text = file.read_text(encoding="utf-8")
    evil = "<script>document.title = 'run'</script><img src='http://127.0.0.1:9/x' onerror=\"document.title = 'run'\">"
    slipped = file.with_name("slipped.html")
    slipped.write_text(text.replace("<main", f"{evil}<main"), encoding="utf-8")
    with browser.new_context() as context:
        tab = context.new_page()
        stopped: list[str | None] = []
        tab.on("requestfailed", lambda request: stopped.append(request.failure))
        tab.goto(slipped.as_uri(), wait_until="networkidle")
        assert tab.title().endswith("class report")
        assert stopped == ["csp"]


def test_it_prints_in_light_colours_and_on_few_pages(browser: Browser, file: Path) -> None:
    with browser.new_context(color_scheme="dark") as context:
        tab = context.new_page()
        tab.goto(file.as_uri())
        tab.emulate_media(media="print")
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        pages = tab.pdf(format="A4").count(b"/Type /Page\n")
        assert 1 <= pages <= 6
