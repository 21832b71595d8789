"""The search, as shipped, in a real Chromium: what people type leads to a page that helps, among the first three."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.site.pages import NAMES, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

QUERIES: dict[str, dict[str, list[str]]] = tomllib.loads((ROOT / "site/search_queries.toml").read_text("utf-8"))
WANTED = {query: pages for group in QUERIES.values() for query, pages in group.items()}
FIRST = 3
ENOUGH = 0.9

ASK = """async (queries) => {
  const config = JSON.parse(document.getElementById("__config").textContent);
  const index = await (await fetch("search/search_index.json")).json();
  const worker = new Worker(config.search);
  const ask = (message) => new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data.data);
    worker.postMessage(message);
  });
  await ask({ type: 0, data: { ...index, options: { suggest: false } } });
  const found = {};
  for (const query of queries) {
    const { items } = await ask({ type: 2, data: query });
    found[query] = items.map(([first]) => first.location.split("#")[0]);
  }
  worker.terminate();
  return found;
}"""
"""Ask the site's own search worker, as the page does: addresses of pages, the best first."""


def test_the_queries_are_many_and_lead_to_pages_that_exist() -> None:
    assert len(WANTED) >= 50
    assert len(QUERIES["messages"]) >= 10
    assert {f"{page}.html" for pages in WANTED.values() for page in pages} <= set(NAMES)


@pytest.mark.browser
def test_what_people_type_leads_to_a_page_that_helps(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    found: dict[str, list[str]] = page.evaluate(ASK, list(WANTED))
    missed = {
        query: found[query][:FIRST]
        for query, wanted in WANTED.items()
        if not {f"{page}.html" for page in wanted} & set(found[query][:FIRST])
    }
    assert len(missed) <= (1 - ENOUGH) * len(WANTED), missed
