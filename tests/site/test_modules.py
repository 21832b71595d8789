"""Each module has what it needs: what you will do, how long, a guess, an example, questions, a lab, more to read."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path

import pytest
import yaml
from bs4 import Tag

from autograder.bench.site.page import Page, is_outside
from tests.site.pages import COURSE, ROOT

MODULES = ["incident.md", *sorted(path.relative_to(COURSE).as_posix() for path in COURSE.glob("modules/*/index.md"))]
CAPSTONE = "capstone/index.md"
OBSERVED = re.compile(
    "build|calculate|choose|compare|configure|correct|count|criticise|decide|diagnose|explain|facilitate|find|judge|"
    "list|name|order|predict|put|read|reconstruct|record|restore|review|rewrite|run|say|spot|state|take|tell|test|"
    "trace|turn|undo|verify|write"
)
"""What somebody else can see you do: an objective begins with one of these."""
FEWEST_MINUTES, MOST_MINUTES = 10, 60
FEWEST_PAGES, MOST_PAGES = 60, 80
"""Of the course itself: modules, capstone, playground and labs."""


def pages_of(module: str) -> list[str]:
    """The pages of a module, the first one first, its questions last."""
    if module == "incident.md":
        return [module, "modules/00-incident/quiz.md"]
    parts = {path.relative_to(COURSE).as_posix() for path in (COURSE / module).parent.glob("*.md")}
    quiz = module.replace("index.md", "quiz.md")
    return [module, *sorted(parts - {module, quiz}), quiz]


def built(site: Path, source: str) -> Page:
    return Page(site, source.replace(".md", ".html"))


def below(page: Page, heading: str) -> list[Tag]:
    """What stands under headings that begin with these words, up to the next of the same height."""
    found: list[Tag] = []
    for title in page.article(["h2", "h3"]):
        if title.get_text().lower().startswith(heading.lower()):
            ends = {"h1", title.name}
            found += takewhile(lambda each, ends=ends: each.name not in ends, title.find_next_siblings())
    return found


def objectives(page: Page) -> list[str]:
    """The verbs of the list after "you can"."""
    told = page.article.find("p", string=re.compile(r"^After this .* you can:$"))
    listed = told.find_next_sibling() if isinstance(told, Tag) else None
    return [strong.get_text() for strong in listed.select("li > strong")] if isinstance(listed, Tag) else []


def minutes(page: Page) -> int:
    said = page.article.find("em")
    found = re.search(r"(\d+) minutes", said.get_text()) if isinstance(said, Tag) else None
    return int(found[1]) if found else 0


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_all_that_a_module_needs(site: Path, module: str) -> None:
    first, *others, quiz = [built(site, source) for source in pages_of(module)]
    reading = [first, *others]
    verbs = objectives(first)
    assert len(verbs) >= 3
    assert [verb for verb in verbs if not OBSERVED.fullmatch(verb)] == []
    assert all(FEWEST_MINUTES <= minutes(page) <= MOST_MINUTES for page in (*reading, quiz))
    missing = [
        what
        for what, there in {
            "a prediction": first.article.select_one("details.predict, details.question"),
            "a worked example": any(below(page, "A worked example") for page in reading),
            "a config, a table or a picture in it": any(
                each.select_one("code, table, svg") or each.name == "table"
                for page in reading
                for each in below(page, "A worked example")
            ),
            "questions": quiz.article.select_one("details.option"),
            "key points on each page": all(below(page, "Key points") for page in reading),
            "a lab": any("labs/" in link for page in reading for link in page.links()),
            "a way to read on": sum(is_outside(link["href"]) for each in below(first, "Further reading")
                                    for link in each.select("a[href]")) >= 2,
        }.items()
        if not there
    ]  # fmt: skip
    assert missing == []


def test_the_capstone_has_what_it_needs(site: Path) -> None:
    page = built(site, CAPSTONE)
    assert minutes(page) == 60
    assert page.article.select_one("details.question")
    assert page.article.select_one("details.example")
    assert below(page, "Key points")
    assert below(page, "Further reading")
    assert any("labs/first-of-march.html" in link for link in page.links())


def test_the_course_is_as_long_as_promised(site: Path) -> None:
    assert [module for module in MODULES if (COURSE / module).exists()] == MODULES
    assert len(MODULES) == 12
    nav = {name: pages for entry in _nav() for name, pages in entry.items()}
    pages = [*_flat(nav["Course"]), *(path.name for path in (ROOT / "labs").glob("*/lab.toml"))]
    assert FEWEST_PAGES <= len(pages) <= MOST_PAGES
    assert all((site / page.replace(".md", ".html")).exists() for page in pages if page.endswith(".md"))


def _nav() -> list[dict[str, object]]:
    class Loader(yaml.SafeLoader):
        """Reads what MkDocs adds to YAML as nothing."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    return yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Loader)["nav"]


def _flat(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    inner = entry.values() if isinstance(entry, dict) else entry
    assert isinstance(inner, list) or hasattr(inner, "__iter__")
    return [page for each in inner for page in _flat(each)]
