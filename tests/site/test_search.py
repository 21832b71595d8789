"""The search, as shipped, in a real Chromium: what people type leads to a page that helps, among the first three."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autograder.bench.site.search import missed, wanted
from tests.site.pages import NAMES, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

QUERIES = ROOT / "site/search_queries.toml"
ENOUGH = 0.9


def test_the_queries_are_many_and_lead_to_pages_that_exist() -> None:
    helps = wanted(QUERIES)
    assert len(helps) >= 70
    assert {f"{page}.html" for pages in helps.values() for page in pages} <= set(NAMES)


@pytest.mark.browser
def test_what_people_type_leads_to_a_page_that_helps(page: Page, whole: str) -> None:
    page.goto(f"{whole}/index.html")
    helps = wanted(QUERIES)
    lost = missed(page, helps)
    assert len(lost) <= (1 - ENOUGH) * len(helps), lost
