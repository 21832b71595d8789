"""The table of the quality bar: it sees what is wrong with a page, and says so."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from autograder.bench.site.page import pages_of
from autograder.bench.site.serving import served
from autograder.bench.site.table import Row, report, written

GOOD = """<html><body><article><h1 id="top">Count</h1><p>We count each request. Then we look.</p>
<a href="second.html#top">on</a><img src="data:," alt="A line."></article></body></html>"""
BAD = """<html><head><script src="https://elsewhere.example/x.js"></script></head><body><article><h1 id="top">Two</h1>
<p>Read.</p><a href="index.html#gone">back</a><a href="lost.html">lost</a><img src="data:,">
<figure><svg><title>Only a title</title></svg></figure></article></body></html>"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "search").mkdir()
    (tmp_path / "search/search_index.json").write_text("{}")
    (tmp_path / "index.html").write_text(GOOD)
    (tmp_path / "second.html").write_text(BAD)
    (tmp_path / "404.html").write_text(BAD)
    return tmp_path


def test_what_is_wrong_with_a_page_is_counted_and_named(small: Path) -> None:
    rows = {row.name: row for row in written(pages_of(small))}
    assert rows["pages"].value == 2
    assert rows["broken links and anchors"].detail == ("second.html: index.html#gone", "second.html: lost.html")
    assert rows["pictures without words"].value == 2
    assert rows["files named on other hosts"].detail == ("second.html: https://elsewhere.example/x.js",)
    assert [name for name, row in rows.items() if not row.good] == [
        "broken links and anchors",
        "pictures without words",
        "files named on other hosts",
    ]
    told = report(tuple(rows.values()))
    assert "✗ broken links and anchors" in told
    assert "  broken links and anchors: second.html: lost.html" in told


def test_a_row_says_which_way_its_bar_goes() -> None:
    assert Row("weight", 351, most=350).to_dict() == {
        "name": "weight", "value": 351, "unit": "", "most": 350, "good": False
    }  # fmt: skip
    assert Row("questions", 100, least=100).good
    assert not Row("questions", 99, least=100).good
    assert Row("pages", 0).good


def test_pages_are_served_packed_with_the_headers_asked_for(small: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with served(small, {"X-Policy": "strict"}, packed=True) as address, direct.open(f"{address}/index.html") as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["X-Policy"] == "strict"
        assert answer.headers["Content-Type"].startswith("text/html")
