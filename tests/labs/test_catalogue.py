"""Labs are found and read, and bad lab files are refused kindly."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from autograder.labs.catalogue import LABS, LabError, all_labs, load_lab

if TYPE_CHECKING:
    from pathlib import Path


def test_every_lab_here_is_whole() -> None:
    labs = all_labs()
    assert "spread-the-load" in {lab.slug for lab in labs}
    for lab in labs:
        assert lab.notebook.is_file()
        assert len(lab.wrong) >= 5
        assert lab.points > 0
        assert all((folder / name).is_file() for folder in (lab.start, lab.reference) for name in lab.files)
        assert all(check.hints for check in lab.checks)


def test_an_unknown_lab_is_answered_with_the_nearest() -> None:
    with pytest.raises(LabError) as caught:
        load_lab("spred-the-load")
    assert "did you mean spread-the-load?" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "says", "at"),
    [
        ("minutes = 40", "minuts = 40", "did you mean 'minutes'?", "minuts"),
        ("minutes = 40", "", "minutes is missing", "order"),
        ("minutes = 40", 'minutes = "40"', "minutes is of the wrong kind", "minutes"),
        ('kind = "peak"', 'kind = "piek"', "did you mean 'peak'?", 'kind = "piek"'),
        (
            'name = "office"',
            'name = "spread"',
            "two checks are called 'spread'",
            'name = "spread"\nkind = "spread"\ntitle = "every',
        ),
        ("concurrency = 125", "concurency = 125", "did you mean 'concurrency'?", "concurency"),
        ("points = 3", 'points = "3"', "write a number", 'points = "3"'),
        ('starts = "passed", spread', 'stats = "passed", spread', "did you mean 'starts'?", "checks = { stats"),
        ('{ starts = "passed"', '{ starts = "pased"', "did you mean 'passed'?", 'checks = { starts = "pased"'),
        ('name = "peak"', "", "this check has no name", '[[checks]]\n\nkind = "peak"'),
        ('title = "Spread the load"', "title = ", "cannot be read", "title = "),
    ],
)
def test_a_bad_lab_file_is_refused_with_the_line(tmp_path: Path, old: str, new: str, says: str, at: str) -> None:
    folder = tmp_path / "spread-the-load"
    shutil.copytree(LABS / "spread-the-load", folder)
    text = (folder / "lab.toml").read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new, 1)
    (folder / "lab.toml").write_text(text, encoding="utf-8")
    with pytest.raises(LabError) as caught:
        load_lab("spread-the-load", folder=tmp_path)
    assert says in str(caught.value)
    line = text[: text.index(at)].count("\n") + 1
    assert f"lab.toml:{line}: " in str(caught.value)


def test_the_version_follows_what_decides_a_verdict(tmp_path: Path) -> None:
    folder = tmp_path / "spread-the-load"
    shutil.copytree(LABS / "spread-the-load", folder)
    before = load_lab("spread-the-load", folder=tmp_path).version
    text = (folder / "lab.toml").read_text(encoding="utf-8")
    (folder / "lab.toml").write_text(text.replace("points = 3", "points = 4"), encoding="utf-8")
    assert load_lab("spread-the-load", folder=tmp_path).version != before
