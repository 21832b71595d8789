"""A new lab proves itself as it is, and is written whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autograder.grading.classroom import notebook_of
from autograder.labs.catalogue import load_lab
from autograder.labs.lab_file import LabError
from autograder.labs.scaffold import new_lab
from autograder.labs.scaffold_files import BLANKS
from autograder.labs.variants import faults_of
from autograder.labs.verify import expectations, verify
from tests.test_cli import manyhands

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_lab_proves_itself(tmp_path: Path) -> None:
    new_lab("two-offices", folder=tmp_path)
    report = verify([load_lab("two-offices", folder=tmp_path)], jobs=1)
    assert [fault for proof in report.proofs for fault in proof.faults] == []
    kinds = [proof.kind for proof in report.proofs]
    assert (kinds.count("start"), kinds.count("reference"), kinds.count("other way")) == (1, 1, 2)
    assert kinds.count("wrong") >= 5


@pytest.mark.parametrize("proxy", BLANKS)
def test_it_has_all_that_a_lab_has(proxy: str, tmp_path: Path) -> None:
    new_lab("a-lab", proxy, folder=tmp_path)
    lab = load_lab("a-lab", folder=tmp_path)
    assert lab.stack.balancer.proxy == proxy
    assert faults_of(lab) == ()
    assert len(list(expectations(lab))) >= 9
    assert b"open_lab" in notebook_of(lab)  # a grade cell for each check, or this raises
    assert "@" not in "".join(path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["", "Two", "two offices", "../two", "two_offices", "-two", "a" * 41, "2nd"])
def test_a_name_that_cannot_be_one_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot be a lab's name"):
        new_lab(name, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_lab_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "lab.toml").write_text("all my work", encoding="utf-8")
    with pytest.raises(LabError, match="already"):
        new_lab("mine", folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine" / "lab.toml").read_text("utf-8") == "all my work"


def test_the_verb_says_what_is_wrong() -> None:
    ran = manyhands("new-lab", "spread-the-load")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "already" in ran.stderr
