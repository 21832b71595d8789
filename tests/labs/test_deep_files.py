"""Files nested deeper than can be read: refused in words, or as if they were not there; never a traceback."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from autograder.labs.catalogue import LABS, LabError, all_labs, load_lab
from autograder.labs.handed_out import CLASS_NOTE, OWN_NOTE, seed_in, variant_in
from autograder.labs.verify import expectations
from autograder.notebook.logbook import Logbook

if TYPE_CHECKING:
    from pathlib import Path

LAB = "spread-the-load"
DEEP = "[" * 20_000 + "]" * 20_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(LABS / LAB, tmp_path / LAB)
    return tmp_path / LAB


def test_a_lab_file(folder: Path) -> None:
    (folder / "lab.toml").write_text(f"order = {DEEP}")
    with pytest.raises(LabError, match="too deep"):
        load_lab(LAB, folder=folder.parent)
    with pytest.raises(LabError, match="too deep"):  # the order of the labs is asked for first
        all_labs(folder.parent)


def test_an_expectation(folder: Path) -> None:
    (folder / "wrong" / "one-left" / "expect.toml").write_text(f"checks = {DEEP}")
    lab = load_lab(LAB, folder=folder.parent)
    with pytest.raises(LabError, match="too deep") as caught:
        list(expectations(lab))
    assert "one-left" in str(caught.value)


def test_the_notes_of_a_copy(tmp_path: Path) -> None:
    (tmp_path / CLASS_NOTE).parent.mkdir()
    for note in (CLASS_NOTE, OWN_NOTE):
        (tmp_path / note).write_text(f'{{"seed": {DEEP}, "student": {DEEP}}}')
    assert seed_in(tmp_path) == ""
    assert variant_in(tmp_path) is None


def test_a_line_of_the_logbook(tmp_path: Path) -> None:
    book = Logbook(tmp_path)
    book.write("check spread", "failed")
    (page,) = (path for path in tmp_path.rglob("*") if path.is_file())
    page.write_text(f'{page.read_text()}{{"time": {DEEP}}}\n')
    assert [entry.what for entry in book.entries()] == ["check spread"]
