"""What a lab's page says of the lab is what the lab says of itself, whether the page is written or made."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from autograder.bench.site.page import Page
from tests.site.pages import LABS, ROOT


def test_there_are_labs() -> None:
    assert "spread-the-load" in LABS


@pytest.mark.parametrize("lab", LABS)
def test_checks_points_minutes_and_files_agree(site: Path, lab: str) -> None:
    told = tomllib.loads((ROOT / "labs" / lab / "lab.toml").read_text("utf-8"))
    page = Page(site, f"labs/{lab}.html").article
    text = page.get_text(" ")
    rows = [[cell.get_text() for cell in row.select("td")] for row in page.select("tbody tr")]
    points = {row[0]: float(row[2]) for row in rows if row[0] in {check["name"] for check in told["checks"]}}
    assert points == {check["name"]: float(check["points"]) for check in told["checks"]}
    assert f"{sum(points.values()):g} points" in text
    assert f"About {told['minutes']} minutes" in text
    assert page.h1 is not None
    assert page.h1.get_text().startswith(told["title"])
    assert all(name in text for name in told["files"])


@pytest.mark.parametrize("lab", LABS)
def test_the_list_and_the_module_lead_to_a_lab(site: Path, lab: str) -> None:
    told = tomllib.loads((ROOT / "labs" / lab / "lab.toml").read_text("utf-8"))
    assert f"{lab}.html" in Page(site, "labs/index.html").links()
    assert f"../../labs/{lab}.html" in Page(site, f"{told['module']}/index.html").links()
