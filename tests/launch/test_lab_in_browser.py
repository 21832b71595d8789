"""What a learner first sees of JupyterLab, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.launch.conftest import Bench

pytestmark = [pytest.mark.xdist_group("machine"), pytest.mark.browser]


def test_it_opens_on_the_list_of_labs_with_the_nbgrader_menu_and_asks_nobody_else(bench: Bench, page: Page) -> None:
    up = bench.up()
    hosts: set[str] = set()
    failed: list[str] = []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname or ""))
    page.on("requestfailed", lambda request: failed.append(f"{request.url} {request.failure}"))
    page.on("response", lambda answer: failed.append(f"{answer.url} {answer.status}") if answer.status >= 400 else None)
    page.goto(up.lab)
    rendered = page.locator(".jp-MarkdownViewer")
    rendered.get_by_role("heading", name="Labs").wait_for()
    for lab in bench.labs():
        link = rendered.get_by_role("link", name=lab["title"])
        assert link.is_visible()

    assert page.locator(".jp-Dialog").all_inner_texts() == [], failed
    page.get_by_role("menuitem", name="Nbgrader").click()
    for entry in ("Assignment List", "Formgrader"):
        page.get_by_role("menuitem", name=entry).wait_for()
    page.keyboard.press("Escape")

    assert page.locator(".Toastify__toast").count() == 0  # no news, no offers
    assert failed == []
    assert hosts - {""} == {"127.0.0.1"}

    rendered.get_by_role("link", name=bench.labs()[0]["title"]).click()
    page.locator(".jp-NotebookPanel").wait_for()
    assert hosts - {""} == {"127.0.0.1"}
