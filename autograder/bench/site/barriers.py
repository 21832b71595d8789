"""What stands in the way of somebody who uses a keyboard, a screen reader or large letters: axe-core's findings."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]


def barriers(tab: Tab) -> list[str]:
    """What axe-core finds on the page as it stands now, a line a finding."""
    tab.wait_for_function("document.getAnimations().every((each) => each.playState !== 'running')", timeout=60_000)
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = Axe().run(tab, options=options).response
    assert len(found["passes"]) > 10, "axe-core looked at nothing"
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
