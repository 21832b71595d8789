"""The quality bar of the site as a table: what is measured, how it stands, and what it has to reach."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.bench.site import browser as looking
from autograder.bench.site.page import is_outside, pages_of
from autograder.bench.site.questions import questions
from autograder.bench.site.reading import grade, words
from autograder.bench.site.search import missed, wanted
from autograder.bench.site.serving import served
from autograder.errors import ManyHandsError
from autograder.launch.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autograder.bench.site.page import Page

EDITIONS = ("print/", "slides/", "reference/api/")
"""Made to be looked up or printed, not to be read on a screen from top to bottom: no limit of words or grade."""
PAINTS = 9
QUICK = 12
"""Pages a quick look in the browser takes, spread over all of them."""


@dataclass(frozen=True)
class Row:
    """One thing measured. ``most`` or ``least`` is the bar, both None where a number is only told."""

    name: str
    value: float
    unit: str = ""
    most: float | None = None
    least: float | None = None
    detail: tuple[str, ...] = ()
    """What is not as it should be, where a list helps."""

    @property
    def good(self) -> bool:
        """Whether it reaches its bar."""
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        bar = {"most": self.most} if self.most is not None else {"least": self.least} if self.least is not None else {}
        said = {"name": self.name, "value": self.value, "unit": self.unit, **bar, "good": self.good}
        return said | ({"detail": list(self.detail)} if self.detail else {})


def measure(say: Callable[[str], None], *, quick: bool = False) -> tuple[Row, ...]:
    """Build the site, and measure it; ``quick`` looks at every n-th page only in the browser.

    Raises:
        ManyHandsError: The site cannot be built, or there is no Chromium.
    """
    with tempfile.TemporaryDirectory() as folder:
        say("building the site")
        site = _built(Path(folder, "site"))
        pages = pages_of(site)
        say(f"reading {len(pages)} pages")
        return (*written(pages), *asked(), *_looked_at(site, pages, say, quick))


def written(pages: Sequence[Page]) -> tuple[Row, ...]:
    """What the pages' files tell."""
    read = [page for page in pages if not page.name.startswith(EDITIONS)]
    long = [len(words(page.text())) for page in read]
    grades = [grade(page.prose()) for page in read]
    weights = [page.weight() / 1024 for page in read]
    broken = [f"{page.name}: {link}" for page in pages for link in page.broken()]
    silent = [f"{page.name}: {picture}" for page in pages for picture in page.without_words()]
    loads = [f"{page.name}: {name}" for page in pages for name in page.loads() if is_outside(name)]
    simulations = [page.own_scripts() / 1024 for page in pages]
    return (
        Row("pages", len(pages)),
        Row("words a page, median", statistics.median(long)),
        Row("words a page, most", max(long), most=1500),
        Row("reading grade, median", _round(statistics.median(grades)), most=10),
        Row("reading grade, 90th percentile", _round(statistics.quantiles(grades, n=10)[-1]), most=12),
        Row("weight of a page, median", _round(statistics.median(weights)), "KB gzipped, with the search"),
        Row("weight of a page, most", _round(max(weights)), "KB gzipped, with the search", most=350),
        Row("scripts of a simulation, most", _round(max(simulations)), "KB gzipped", most=100),
        Row("broken links and anchors", len(broken), most=0, detail=tuple(broken)),
        Row("pictures without words", len(silent), most=0, detail=tuple(silent)),
        Row("files named on other hosts", len(loads), most=0, detail=tuple(loads)),
    )


def asked() -> tuple[Row, ...]:
    """What the course asks its readers."""
    modules = [questions(quiz) for quiz in sorted(ROOT.glob("course/modules/*/quiz.md"))]
    unexplained = sum(not all(each.explained) for module in modules for each in module)
    return (
        Row("questions", sum(map(len, modules)), least=100),
        Row("questions of a module, least", min(map(len, modules)), least=8),
        Row("questions with an option unexplained", unexplained, most=0),
    )


def _looked_at(site: Path, pages: Sequence[Page], say: Callable[[str], None], quick: bool) -> tuple[Row, ...]:
    names = [page.name for page in pages]
    seen = names[:: max(1, len(names) // QUICK)] if quick else names
    helps = wanted(ROOT / "site/search_queries.toml")
    with looking.chromium() as browser, served(site, packed=True) as address:
        say(f"looking at {len(seen)} pages in Chromium, in light and in dark")
        found, outside = looking.barriers_of(browser, address, seen)
        say(f"typing {len(helps)} queries")
        with browser.new_context() as context:
            tab = context.new_page()
            tab.goto(f"{address}/index.html")
            lost = missed(tab, helps)
        say(f"waiting for the first paint of {PAINTS} pages on a slow 4G")
        paint = looking.first_paint_ms(browser, address, names[:: max(1, len(names) // PAINTS)][:PAINTS])
    hits = 100 * (1 - len(lost) / len(helps))
    return (
        Row("pages looked at in Chromium, light and dark", len(seen)),
        Row("barriers (axe, WCAG 2.2 A and AA)", len(found), most=0, detail=tuple(found)),
        Row("requests that left the site", len(outside), most=0, detail=tuple(outside)),
        Row("search queries", len(helps), least=50),
        Row("search queries with help in the first three", _round(hits), "%", least=90, detail=tuple(lost)),
        Row("first contentful paint, median", round(paint), "ms, slow 4G, nothing cached", most=1500),
    )


def _built(folder: Path) -> Path:
    command = [sys.executable, "-P", "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ManyHandsError(
            "the course site could not be built", where="mkdocs.yml", why=(done.stderr or done.stdout).strip()[-2000:]
        )
    return folder


def _round(value: float) -> float:
    return round(value, 1)


def report(rows: Sequence[Row]) -> str:
    """For people: a line a row, the bar beside it; below, what is not as it should be."""
    wide = max(len(row.name) for row in rows)
    lines = [_line(row, wide) for row in rows]
    for row in rows:
        if not row.good or row.name.startswith("search queries with"):
            lines += [f"  {row.name}: {each}" for each in row.detail[:20]]
    return "\n".join(lines)


def _line(row: Row, wide: int) -> str:
    mark = " " if row.most is row.least is None else "✓" if row.good else "✗"
    bar = (
        f"at most {row.most:g}" if row.most is not None else f"at least {row.least:g}" if row.least is not None else ""
    )
    return f"{mark} {row.name:<{wide}}  {row.value:>7g}  {bar:<14}{row.unit}".rstrip()
