"""The API's pages: every floor, every public name with its words, and nothing run to make them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import griffe

from autograder.bench.site.page import Page
from tests.site.pages import ROOT, hook
from tests.test_floors import FLOORS


def test_every_floor_has_its_page() -> None:
    assert set(hook("api_pages").FLOORS) == set(FLOORS) - {"verbs", "cli", "__main__"}


def test_every_public_name_says_what_it_is_for() -> None:
    api = hook("api_pages")
    shown = [(module, member) for floor in api.FLOORS for module in api.modules(floor) for member in api.public(module)]
    assert len(shown) > 500
    shown += [
        (module, inner) for module, member in shown if isinstance(member, griffe.Class) for inner in api.public(member)
    ]
    silent = [member.path for _, member in shown if not member.docstring and not isinstance(member, griffe.Attribute)]
    assert silent == []
    assert [module.path for module, _ in shown if not module.docstring] == []


def test_a_page_shows_names_their_types_and_what_is_said_of_them(site: Path) -> None:
    page = Page(site, "reference/api/judge.html")
    place = page.soup.find(id="autograder.judge.spread.judge_spread")
    assert place is not None
    signature = place.find_next("pre")
    assert signature is not None
    assert signature.text.startswith("judge_spread(")
    assert "fair: Mapping[str, float]," in signature.text
    told = signature.find_next("p")
    assert told is not None
    assert told.text.startswith("Judge a sample against fair shares")
    assert "``" not in page.article.text
    listed = Page(site, "reference/api/index.html").article.text
    assert "judge_spread" in listed


def test_nothing_of_the_package_is_imported_to_read_it() -> None:
    code = (
        "import sys; sys.path.insert(0, 'site/hooks'); import api_pages; api_pages.overview();"
        "print([name for name in sys.modules if name.startswith('autograder')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    # where the package is, is found by a module of its own
    assert done.stdout.strip() == "['autograder', 'autograder.whereabouts']"
