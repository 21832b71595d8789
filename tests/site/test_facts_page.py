"""The page of facts shows each of them, with the versions that were tried."""

from __future__ import annotations

from pathlib import Path

from autograder.bench.site.page import Page
from tests.facts.test_facts import FACTS, KNOWN


def test_the_page_has_a_row_for_each_fact_and_says_what_was_tried(site: Path) -> None:
    page = Page(site, "reference/facts.html").article
    rows = [[cell.get_text() for cell in row("td")] for row in page.select("tbody tr")]
    assert [row[1] for row in rows] == [
        fact["says"].replace("`", "").replace(" %", "\N{NO-BREAK SPACE}%") for fact in FACTS
    ]
    assert all(row[3] or row[4] for row in rows)
    tested = KNOWN["tested"]
    assert f"Tested on nginx {tested['nginx']}, HAProxy {tested['haproxy']}." in page.get_text()
