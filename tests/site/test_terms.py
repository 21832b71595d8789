"""The glossary's words where they are read: one link a word and page, which a keyboard reaches and axe passes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bs4 import BeautifulSoup

from autograder.bench.site.barriers import barriers
from tests.site.pages import COURSE

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab

PAGE = "modules/04-overload/restart.html"
TERMS = re.findall(r"^([^\s#:].*)\n:   ", (COURSE / "glossary.md").read_text("utf-8"), re.MULTILINE)


def soup(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / name).read_text("utf-8"), "html.parser")


def test_every_entry_of_the_glossary_can_be_linked_to(site: Path) -> None:
    named = [entry.get("id") for entry in soup(site, "glossary.html").select("article dt")]
    assert len(named) == len(TERMS) >= 30
    assert all(str(name).startswith("term-") for name in named)


def test_a_word_is_marked_once_on_a_page_and_never_in_headings_code_or_links(site: Path) -> None:
    pages = [path for path in site.rglob("*.html") if path.parent.parent.name == "modules"]
    assert len(pages) > 40
    marked = {path: BeautifulSoup(path.read_text("utf-8"), "html.parser").select("a.mh-term") for path in pages}
    assert sum(map(len, marked.values())) > 100
    for path, links in marked.items():
        targets = [link["href"] for link in links]
        assert len(targets) == len(set(targets)), path
        assert not [link for link in links if link.find_parent(["a", "code", "pre", "h1", "h2", "h3", "svg"])], path
        assert all(len(str(link["title"])) > 10 for link in links), path
        assert not (path.name == "quiz.html" and links), "a question must not answer itself"


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_keyboard_reaches_a_word_and_axe_finds_nothing(page: Tab, address: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page.goto(f"{address}/{PAGE}")
    word = page.locator("a.mh-term").first
    word.focus()
    assert word.evaluate("word => word === document.activeElement")
    assert barriers(page) == []
    word.press("Enter")
    page.wait_for_url("**/glossary.html#term-*")
    assert page.locator(":target").count() == 1
