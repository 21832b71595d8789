"""What programs read of the site: ``llms.txt``, a map of the pages for language models, and ``feed.xml``, the changes.

Both are made from what is there: the navigation with each page's description, and CHANGELOG.md. Addresses are absolute
where the site knows its own (``site_url``), and relative otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mkdocs.structure.nav import Navigation, Section
from mkdocs.structure.pages import Page

CHANGES = Path(__file__).parents[2] / "CHANGELOG.md"
RELEASE = re.compile(r"^## (?P<name>.+)\n(?P<text>(?:(?!## ).*\n?)*)", re.MULTILINE)
ITEM = re.compile(r"^- (?P<text>.+(?:\n  .+)*)", re.MULTILINE)
MARKS = re.compile(r"[*`]|\[(?P<words>[^]]+)\]\([^)]+\)")

_nav: list[Navigation] = []


def on_nav(nav: Navigation, **_: Any) -> Navigation:
    """Remember the order of the pages."""
    _nav[:] = [nav]
    return nav


def on_post_build(config: Any, **_: Any) -> None:
    """Write both files beside the built pages."""
    site = Path(config["site_dir"])
    base = config["site_url"] or ""
    (site / "llms.txt").write_text(llms(_nav[0], config, base), encoding="utf-8")
    changes = CHANGES.read_text(encoding="utf-8") if CHANGES.exists() else ""
    (site / "feed.xml").write_bytes(feed(changes, config, base))


def llms(nav: Navigation, config: Any, base: str) -> str:
    """The pages in their order, a section a tab, as https://llmstxt.org asks: title, summary, lists of links."""
    lines = [f"# {config['site_name']}", "", f"> {' '.join(config['site_description'].split())}"]
    for item in nav.items:
        lines += ["", f"## {item.title}", ""]
        lines += [
            f"- [{page.title}]({base}{page.url}): {' '.join(str(page.meta.get('description', '')).split())}"
            for page in _pages(item)
        ]
    return "\n".join(lines) + "\n"


def _pages(item: Any) -> Iterator[Page]:
    if isinstance(item, Page):
        yield item
    elif isinstance(item, Section):
        for child in item.children:
            yield from _pages(child)


def feed(changes: str, config: Any, base: str) -> bytes:
    """RSS 2.0: an entry for each line of each release in the change log, in its order."""
    root = ElementTree.Element("rss", version="2.0")
    channel = ElementTree.SubElement(root, "channel")
    _say(channel, "title", f"{config['site_name']}: changes")
    _say(channel, "link", base or "index.html")
    _say(channel, "description", " ".join(config["site_description"].split()))
    for release in RELEASE.finditer(changes):
        for found in ITEM.finditer(release["text"]):
            text = " ".join(MARKS.sub(lambda mark: mark["words"] or "", found["text"]).split())
            item = ElementTree.SubElement(channel, "item")
            title = re.split(r"(?<=[.:])\s", text, maxsplit=1)[0].rstrip(".:")
            _say(item, "title", f"{release['name']}: {title[:120]}")
            _say(item, "description", text)
            _say(item, "guid", f"{release['name']}: {title[:120]}").set("isPermaLink", "false")
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _say(parent: ElementTree.Element, name: str, text: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, name)
    child.text = text
    return child
