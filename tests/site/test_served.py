"""The site as a web host serves it: under the strict policy that the build writes, and with a way into JupyterLab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from autograder.bench.site.serving import served
from autograder.launch import pages as launched

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab
    from playwright.sync_api import Route

pytestmark = pytest.mark.browser

WATCH = """window.refused = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});"""
MAKES = (
    "index.html",
    "modules/01-anatomy/reading.html",
    "modules/04-overload/quiz.html",
    "playground/balancing.html",
    "progress.html",
    "field-guide/weight-skew.html",
    "labs/spread-the-load.html",
    "runbooks/one-server.html",
    "cheatsheets/haproxy.html",
    "reference/facts.html",
    "404.html",
    "reference/api/judge.html",
    "print/04-overload.html",
    "slides/04-overload.html",
)
"""A page of each make."""
LAB = "labs/read-the-traffic.html"
FILE = "lab/tree/labs/read-the-traffic/read-the-traffic.ipynb"


@pytest.fixture
def hosted(site: Path) -> Iterator[str]:
    """The site as ``up`` serves it: with the policy as a header."""
    with launched.serve(site, 0) as address:
        yield address.removesuffix("/")


def test_a_strict_policy_refuses_nothing_of_the_site_and_all_else(page: Tab, hosted: str, site: Path) -> None:
    page.add_init_script(WATCH)
    policy = (site / "csp.txt").read_text("ascii").strip()
    assert "unsafe" not in policy
    for name in MAKES:
        answer = page.goto(f"{hosted}/{name}")
        assert answer is not None
        assert answer.header_value("content-security-policy") == policy
        assert page.evaluate("window.refused") == [], name
    page.goto(f"{hosted}/index.html")
    page.keyboard.press("f")
    page.keyboard.type("SC--")
    page.locator(".md-search-result__item").first.wait_for()
    assert page.evaluate("window.refused") == []
    page.evaluate("document.head.append(Object.assign(document.createElement('script'), { textContent: '1' }))")
    page.wait_for_function("window.refused.length === 1")


def test_a_lab_opens_where_up_started_jupyterlab_or_on_a_hub_that_is_named_once(page: Tab, site: Path) -> None:
    with served(site) as address:
        page.goto(f"{address}/{LAB}")
        link = page.get_by_role("link", name="Open this lab")
        link.wait_for()
        assert link.get_attribute("href") == f"http://127.0.0.1:8888/{FILE}"
        page.get_by_text("Your class has a JupyterHub?").click()
        page.get_by_label("Its address").fill("nonsense nonsense")
        page.get_by_role("button", name="Use it").click()
        page.get_by_text("That is no address").wait_for()
        page.get_by_label("Its address").fill("hub.example.org/jupyter/hub/home")
        page.get_by_role("button", name="Use it").click()
        page.get_by_text("Opens on https://hub.example.org/jupyter/").wait_for()
        page.goto(f"{address}/labs/rebuild.html")
        link.wait_for()
        there = "https://hub.example.org/jupyter/hub/user-redirect/lab/tree/labs/rebuild/rebuild.ipynb"
        assert link.get_attribute("href") == there
        page.get_by_text("Your class has a JupyterHub?").click()
        page.get_by_role("button", name="Use ./manyhands up").click()
        page.get_by_text("Opens in the JupyterLab").wait_for()


def test_up_tells_the_page_which_port_jupyterlab_found(page: Tab, site: Path) -> None:
    with launched.serve(site, 0, lambda: "http://127.0.0.1:8891/") as address:
        page.goto(f"{address}{LAB}")
        link = page.get_by_role("link", name="Open this lab")
        link.wait_for()
        assert link.get_attribute("href") == f"http://127.0.0.1:8891/{FILE}"


def test_who_hosts_the_site_of_a_class_names_its_hub_once_for_all(page: Tab, site: Path) -> None:
    def answer(route: Route) -> None:
        name = urlsplit(route.request.url).path.lstrip("/")
        if name == "lab.json":
            route.fulfill(json={"lab": "https://hub.example.org/"})
        elif (site / name).is_file():
            route.fulfill(path=site / name)
        else:
            route.fulfill(status=404)

    page.route("http://course.example/**", answer)
    page.goto(f"http://course.example/{LAB}")
    page.get_by_text("Opens on https://hub.example.org/").wait_for()
    link = page.get_by_role("link", name="Open this lab")
    assert link.get_attribute("href") == f"https://hub.example.org/hub/user-redirect/{FILE}"
