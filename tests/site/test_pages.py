"""Every page: nothing from elsewhere, no broken link, a word for each picture, short, light, easy to read."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

from autograder.bench.site.page import Page, is_outside
from autograder.bench.site.reading import grade, words
from autograder.bench.site.table import EDITIONS
from tests.site.pages import ROOT

MOST_WORDS = 1_500
HARDEST_GRADE = 12.0
HEAVIEST_PAGE = 350 * 1024


def test_nothing_is_loaded_from_another_host(built: Page) -> None:
    assert [address for address in built.loads() if is_outside(address)] == []


def test_no_style_sheet_loads_from_another_host(site: Path) -> None:
    for sheet in site.rglob("*.css"):
        found = re.findall(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')]+)""", sheet.read_text("utf-8"))
        assert found == [], sheet


def test_every_link_leads_somewhere_and_all_it_loads_is_there(built: Page) -> None:
    assert built.broken() == []


def test_an_id_is_used_once(built: Page) -> None:
    assert [name for name, times in Counter(built.ids()).items() if times > 1] == []


def test_every_picture_has_words(built: Page) -> None:
    assert built.without_words() == []
    for picture in built.article.select("figure svg"):
        title, text = picture.find("title"), picture.find("desc")
        assert picture["role"] == "img"
        assert picture["aria-labelledby"] == f"{title['id']} {text['id']}"


def test_it_has_one_title_and_a_description(built: Page) -> None:
    assert len(built.article("h1")) == 1
    description = built.soup.find("meta", attrs={"name": "description"})
    assert 40 <= len(description["content"]) <= 160, description["content"]


def test_headings_do_not_skip_a_level(built: Page) -> None:
    levels = [int(tag.name[1]) for tag in built.article(re.compile("^h[1-6]$"))]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels


def test_it_is_short(built: Page) -> None:
    assert built.name.startswith(EDITIONS) or len(words(built.text())) <= MOST_WORDS


def test_it_is_easy_to_read(built: Page) -> None:
    assert built.name.startswith(EDITIONS) or grade(built.prose()) <= HARDEST_GRADE


def test_it_is_light(built: Page) -> None:
    assert built.weight() <= HEAVIEST_PAGE


def test_the_readme_points_at_files_that_exist() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    targets = re.findall(r"""\]\(([^)#]+)[^)]*\)|(?:src|srcset)="([^"]+)\"""", readme)
    local = [first or second for first, second in targets if not is_outside(first or second)]
    assert local
    assert [target for target in local if not (ROOT / target).exists()] == []
