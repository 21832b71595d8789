"""Every page: nothing from elsewhere, no broken link, a word for each picture, short, light, easy to read."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

from bs4 import Tag

from autograder.bench.site.page import Page, is_outside
from autograder.bench.site.reading import grade, words
from autograder.bench.site.table import EDITIONS
from tests.site.pages import ROOT

MOST_WORDS = 1_500
HARDEST_GRADE = 12.0
HEAVIEST_PAGE = 350 * 1024


def test_no_style_sheet_loads_from_another_host(site: Path) -> None:
    for sheet in site.rglob("*.css"):
        found = re.findall(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')]+)""", sheet.read_text("utf-8"))
        assert found == [], sheet


def test_a_page_is_as_it_should_be(built: Page) -> None:
    # one test: reading a page takes longer than judging it
    wrong = {"loaded from another host": [address for address in built.loads() if is_outside(address)]}
    wrong["leads nowhere"] = built.broken()
    wrong["an id used twice"] = [name for name, times in Counter(built.ids()).items() if times > 1]
    wrong["pictures without words"] = built.without_words()
    wrong["pictures whose words are not named"] = [str(each)[:80] for each in built.article.select("figure svg")
                                                   if not is_named(each)]  # fmt: skip
    assert {what: found for what, found in wrong.items() if found} == {}
    assert_has_a_head(built)
    levels = [int(tag.name[1]) for tag in built.article(re.compile("^h[1-6]$"))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    assert built.weight() <= HEAVIEST_PAGE
    if not built.name.startswith(EDITIONS):
        assert len(words(built.text())) <= MOST_WORDS
        assert grade(built.prose()) <= HARDEST_GRADE


def is_named(picture: Tag) -> bool:
    title, text = picture.find("title"), picture.find("desc")
    if not (isinstance(title, Tag) and isinstance(text, Tag)):
        return False
    return picture["role"] == "img" and picture["aria-labelledby"] == f"{title['id']} {text['id']}"


def assert_has_a_head(page: Page) -> None:
    """What axe would look for on a whole page, and a description."""
    assert page.soup.title is not None
    assert len(page.soup.title.text.strip()) > 5
    assert page.soup.html is not None
    assert page.soup.html["lang"] == "en"
    description = page.soup.find("meta", attrs={"name": "description"})
    assert isinstance(description, Tag)
    assert 40 <= len(str(description["content"])) <= 160, description["content"]


def test_the_readme_points_at_files_that_exist() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    targets = re.findall(r"""\]\(([^)#]+)[^)]*\)|(?:src|srcset)="([^"]+)\"""", readme)
    local = [first or second for first, second in targets if not is_outside(first or second)]
    assert local
    assert [target for target in local if not (ROOT / target).exists()] == []
