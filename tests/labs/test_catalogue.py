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
    ("old", "new", "says"),
    [
        ("minutes = 40", "minuts = 40", "did you mean 'minutes'?"),
        ("minutes = 40", "", "minutes is missing"),
        ('kind = "peak"', 'kind = "piek"', "unknown kind of check"),
        ('name = "peak"', "", "name"),
        ('title = "Spread the load"', "title = ", "cannot be read"),
    ],
)
def test_a_bad_lab_file_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    folder = tmp_path / "spread-the-load"
    shutil.copytree(LABS / "spread-the-load", folder)
    text = (folder / "lab.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "lab.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(LabError) as caught:
        load_lab("spread-the-load", folder=tmp_path)
    assert says in str(caught.value)
    assert "lab.toml" in str(caught.value)


def test_the_version_follows_what_decides_a_verdict(tmp_path: Path) -> None:
    folder = tmp_path / "spread-the-load"
    shutil.copytree(LABS / "spread-the-load", folder)
    before = load_lab("spread-the-load", folder=tmp_path).version
    text = (folder / "lab.toml").read_text(encoding="utf-8")
    (folder / "lab.toml").write_text(text.replace("points = 3", "points = 4"), encoding="utf-8")
    assert load_lab("spread-the-load", folder=tmp_path).version != before
