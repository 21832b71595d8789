"""What a lab's page says of the lab is what the lab says of itself."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.site.pages import COURSE, ROOT

LABS = sorted(path.parent.name for path in ROOT.glob("labs/*/lab.toml"))
ROW = re.compile(r"^\| `([\w-]+)` \|.*\| (\d+) \|$", re.MULTILINE)


def test_there_are_labs() -> None:
    assert "spread-the-load" in LABS


@pytest.mark.parametrize("lab", LABS)
def test_checks_points_and_minutes_agree(lab: str) -> None:
    told = tomllib.loads((ROOT / "labs" / lab / "lab.toml").read_text("utf-8"))
    page = (COURSE / "labs" / f"{lab}.md").read_text("utf-8")
    points = {check["name"]: check["points"] for check in told["checks"]}
    assert {name: int(number) for name, number in ROW.findall(page)} == points
    assert f"{sum(points.values())} points" in page
    assert f"About {told['minutes']} minutes" in page
    assert f"# {told['title']}\n" in page
    assert all(f"`{name}`" in page for name in told["files"])
