"""What people type into the search box, and whether the site's own search leads them to a page that helps."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page as Tab

FIRST = 3
"""Nobody reads further down."""
_ASK = """async (queries) => {
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


def wanted(queries: Path) -> dict[str, list[str]]:
    """Query → the pages that help, without their ending, from a file of groups of queries."""
    groups: dict[str, dict[str, list[str]]] = tomllib.loads(queries.read_text("utf-8"))
    return {query: pages for group in groups.values() for query, pages in group.items()}


def missed(tab: Tab, helps: dict[str, list[str]]) -> dict[str, list[str]]:
    """Query → its first results, where none of those helps. The tab shows the site's front page."""
    found: dict[str, list[str]] = tab.evaluate(_ASK, list(helps))
    return {
        query: found[query][:FIRST]
        for query, pages in helps.items()
        if not {f"{page}.html" for page in pages} & set(found[query][:FIRST])
    }
