"""The documents at the top lead somewhere, and show the house as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_floors import FLOORS

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(ROOT.glob("*.md"))
LINKS = [
    (path.name, target)
    for path in DOCUMENTS
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8"))
    if not target.startswith(("https://", "mailto:"))
]
STOREYS = [
    floor
    for floor in FLOORS
    if not floor.startswith("__") and floor not in {"errors", "ending", "durable", "whereabouts"}
]


def anchors(path: Path) -> set[str]:
    """The anchors of a Markdown page's headings, as hosts of code make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_documents_have_links() -> None:
    assert {"README.md", "ARCHITECTURE.md"} <= {document for document, _ in LINKS}


@pytest.mark.parametrize(("document", "target"), LINKS)
def test_a_link_leads_to_a_file_and_a_heading(document: str, target: str) -> None:
    name, _, anchor = target.partition("#")
    path = ROOT / (name or document)
    assert path.exists()
    if anchor:
        assert anchor in anchors(path)


def test_the_table_of_floors_shows_them_all_from_the_top() -> None:
    table = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("| --- | --- | --- |")[1].split("\n\n")[0]
    rows = [re.findall(r"`(\w+)(?:/|\.py)`", row.split("|")[1]) for row in table.strip().splitlines()]
    assert [floor for row in rows for floor in row] == STOREYS[::-1]


def test_contributors_are_told_the_same_order() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (line,) = (line for line in text.splitlines() if "stack/ →" in line)
    assert re.findall(r"(\w+)(?:/|\.py)", line) == STOREYS


def test_every_test_that_the_threat_model_names_is_in_the_file_it_names() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    named = re.findall(r"((?:`test_\w+`(?:,? and )?)+) in \[[\w/]+\]\(([\w/.]+)\)", text)
    assert len(named) >= 10
    for tests, path in named:
        for test in re.findall(r"`(test_\w+)`", tests):
            assert f"def {test}(" in (ROOT / path).read_text("utf-8")
