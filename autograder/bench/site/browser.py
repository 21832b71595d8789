"""A real Chromium on the pages of the site: barriers in both colours, the first thing seen, requests that leave."""

from __future__ import annotations

import contextlib
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from autograder.bench.site.barriers import barriers
from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-dev-shm-usage",
]  # fmt: skip
SLOW_4G = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}
"""Lighthouse's slow 4G: milliseconds a round trip, bytes a second."""
_PATIENCE_MS = 120_000
_PAINTED = """() => {
  const found = performance.getEntriesByName("first-contentful-paint");
  return found.length ? found[0].startTime : null;
}"""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium of this machine's own.

    Raises:
        ManyHandsError: There is none.
    """
    if not CHROMIUM.exists():
        raise ManyHandsError("no browser to look with", where=str(CHROMIUM), remedy="install it: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def barriers_of(browser: Browser, address: str, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Barriers of each page in light and dark with all answers open, and addresses outside that it asked for."""
    found: list[str] = []
    asked: set[str] = set()
    with browser.new_context(reduced_motion="reduce") as context:
        tab = context.new_page()
        tab.set_default_timeout(_PATIENCE_MS)
        tab.on("request", lambda request: asked.add(request.url))
        for name in names:
            tab.goto(f"{address}/{name}", wait_until="networkidle")
            tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
            for scheme in ("light", "dark"):
                dress(tab, scheme)
                found += [f"{name} ({scheme}): {barrier}" for barrier in barriers(tab)]
    return found, sorted(url for url in asked if not url.startswith((address, "data:", "blob:", "about:")))


def dress(tab: Tab, scheme: str) -> None:
    """See the page in ``light`` or ``dark``, as its own switch would show it."""
    name = {"light": "default", "dark": "slate"}[scheme]
    tab.evaluate("(name) => document.body.setAttribute('data-md-color-scheme', name)", name)


def first_paint_ms(browser: Browser, address: str, names: Sequence[str]) -> float:
    """The median of the first contentful paint (ms) of these pages, each in a new browser on a slow 4G."""
    return statistics.median(_paint_ms(browser, f"{address}/{name}") for name in names)


def _paint_ms(browser: Browser, address: str) -> float:
    with browser.new_context() as context:
        tab = context.new_page()
        tab.set_default_timeout(_PATIENCE_MS)
        session = context.new_cdp_session(tab)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", SLOW_4G)
        tab.goto(address, wait_until="load")
        return float(tab.wait_for_function(_PAINTED).json_value())
