"""What is made from the pages for other uses: the print edition, and slides. Nothing is lost or leads astray."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from autograder.bench.site.barriers import barriers
from autograder.bench.site.browser import dress
from autograder.bench.site.page import Page
from tests.site.pages import COURSE

MODULES = sorted(path.parent.name for path in COURSE.glob("modules/*/index.md"))
PRINTED = [f"print/{name}.html" for name in ("course", "incident", "on-the-job", *MODULES)]
SLIDES = [f"slides/{name}.html" for name in MODULES]
HEAVIEST = 200 * 1024
"""The whole course on paper, gzipped: no page of the site weighs so little."""


@pytest.mark.parametrize("name", [*PRINTED, *SLIDES])
def test_an_edition_stands_alone_and_every_link_leads_somewhere(site: Path, name: str) -> None:
    page = Page(site, name)
    assert page.broken() == []
    assert [each for each, times in Counter(page.ids()).items() if times > 1] == []
    assert page.without_words() == []
    assert page.soup("script") == []
    assert page.weight() < HEAVIEST
    levels = [int(tag.name[1]) for tag in page.article(re.compile("^h[1-6]$"))]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels


def test_the_whole_course_is_on_paper_in_order_with_its_answers_open(site: Path) -> None:
    page = Page(site, "print/course.html")
    pages = list(COURSE.glob("modules/*/*.md"))
    assert len(page.article("section", recursive=False)) == len(pages) + 1
    assert page.article("details")
    assert all(each.has_attr("open") for each in page.article("details"))
    said = page.article.get_text()
    places = [
        said.index(words) for words in ("Four machines stand behind this nginx", "Five people in the chat propose")
    ]
    assert places == sorted(places)


def test_a_link_to_a_page_of_the_same_edition_stays_in_it(site: Path) -> None:
    links = Page(site, "print/04-overload.html").links()
    assert "../modules/04-overload/quiz.html" not in links
    assert any(re.fullmatch(r"#page-\d+", link) for link in links)
    assert "../incident.html" in links


def test_slides_ask_before_they_answer(site: Path) -> None:
    page = Page(site, "slides/04-overload.html")
    titles = [heading.text for heading in page.article(["h1", "h2"])]
    assert titles[0] == "How full is full?"
    assert titles[titles.index("Predict") + 1] == "What happened"
    assert titles.count("Question") == titles.count("Answer") == 4
    assert sum(title.endswith(": key points") for title in titles) >= 3
    assert page.article.select("figure svg")
    assert page.loads() == []


@pytest.mark.browser
def test_no_barriers_in_an_edition_and_it_prints(page: object, address: str) -> None:
    from playwright.sync_api import Page as Tab

    assert isinstance(page, Tab)
    for name in ("print/04-overload.html", "slides/04-overload.html"):
        page.goto(f"{address}/{name}")
        for scheme in ("light", "dark"):
            dress(page, scheme)
            assert barriers(page) == []
    count = page.locator("section").count()
    printed = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == count
