"""What stands in the way of somebody who uses a keyboard, a screen reader or large letters: axe-core's findings."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import axe_playwright_python

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Page as Tab

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa")
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules whose answer may change with the colours of a page."""
LAYOUT = ("target-size", "scrollable-region-focusable")
"""The rules whose answer may change with the width of a page; what else a narrow page may do is be too wide."""
_RUN = """async ({ within, rules, alike }) => {
  const place = within ? document.querySelector(within) : document;
  const shown = new Map();
  const painted = new Map([[null, ""]]);
  const paint = (element) => {
    if (!painted.has(element)) {
      const { backgroundColor, backgroundImage, opacity, filter } = getComputedStyle(element);
      painted.set(element, [paint(element.parentElement), backgroundColor, backgroundImage, opacity, filter].join());
    }
    return painted.get(element);
  };
  const look = (element) => {
    const style = getComputedStyle(element);
    const names = ["color", "fontSize", "fontWeight", "textDecorationLine", "textShadow", "position", "display"];
    const around = getComputedStyle(element.parentElement).color;
    return [element.localName, ...names.map((name) => style[name]), around, paint(element)].join("|");
  };
  if (alike) {
    for (const element of place.querySelectorAll("*")) {
      const words = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
      if (words && element.checkVisibility()) shown.set(look(element), element);
    }
  }
  const options = { runOnly: rules, resultTypes: ["violations"] };
  const found = await axe.run(alike ? { include: [...shown.values()] } : place, options);
  const told = ({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`);
  const { passes, violations, incomplete, inapplicable } = found;
  const seen = passes.length + violations.length + incomplete.length;
  return { seen, asked: seen + inapplicable.length, told: violations.flatMap(told) };
}"""


def barriers(tab: Tab, *, within: str = "", rules: Sequence[str] = (), alike: bool = False) -> list[str]:
    """What axe-core finds on the page as it stands now, a line a finding.

    Args:
        tab: It shows the page.
        within: Look below this element only, by its selector; rules about a page as a whole are left out then.
        rules: Ask these only, such as :data:`COLOURS`; without them, all of WCAG 2.2 A and AA.
        alike: Of elements with words that are painted alike, on ground painted alike, look at one.
    """
    tab.wait_for_function("document.getAnimations().every((each) => each.playState !== 'running')", timeout=60_000)
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(_axe())
    asked = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": list(TAGS)}
    found = tab.evaluate(_RUN, {"within": within, "rules": asked, "alike": alike})
    assert found["asked"] >= (len(rules) or 40), "axe-core did not ask all it should"
    assert rules or found["seen"] > (0 if within else 10), "axe-core looked at nothing"
    told: list[str] = found["told"]
    return told


@functools.cache
def _axe() -> str:
    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
