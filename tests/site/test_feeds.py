"""What programs read: each page once in llms.txt, with its description; each change once in the feed."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from tests.site.pages import NAMES, ROOT


def test_llms_txt_lists_every_page_once_with_what_it_is_about(site: Path) -> None:
    text = (site / "llms.txt").read_text("utf-8")
    assert text.startswith("# Many Hands\n\n> ")
    links = re.findall(r"^- \[.+\]\((.+)\): (.*)$", text, re.MULTILINE)
    addresses = [address for address, _ in links]
    assert len(addresses) == len(set(addresses))
    assert all((site / address).is_file() for address in addresses)
    listed = {name for name in NAMES if not name.startswith("field-guide/")} | {"field-guide/index.html"}
    assert listed <= set(addresses), listed - set(addresses)
    assert all(len(about) >= 40 for _, about in links)


def test_the_feed_tells_every_change_once(site: Path) -> None:
    entries = ElementTree.fromstring((site / "feed.xml").read_bytes()).findall("channel/item")
    assert len(entries) == len(re.findall(r"^- ", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE))
    names = [entry.findtext("guid") for entry in entries]
    assert len(names) == len(set(names))
    assert all(entry.findtext("title") and entry.findtext("description") for entry in entries)
