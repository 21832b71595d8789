"""Verifying: every folder of every variant, several times, on several processors, and a table of what is wrong."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from autograder.errors import ManyHandsError
from autograder.labs.catalogue import LABS, LabError, load_lab
from autograder.labs.proofs import Proof
from autograder.labs.verify import VerifyReport, expectations, verify
from tests.labs.test_variants import PLAIN, SLUG

if TYPE_CHECKING:
    from pathlib import Path

SMALL = """
title = "Small"
minutes = 1
module = "none"
objectives = []
files = ["conf/nginx.conf"]
[starts.start]
checks = { starts = "passed", spread = "failed" }
diagnosis = ["no-retry"]
[[checks]]
name = "starts"
kind = "loads"
title = "loads"
points = 1
[[checks]]
name = "spread"
kind = "spread"
title = "spreads"
points = 1
clients = ["many"]
requests = 60
[variants]
counts = [3, 5]
repeat = "app2"
names = ["ash birch cedar elm fir"]
"""
GOOD = Proof("lab", "wrong", "name", 1.0, 2.0, {"a": "passed", "b": "failed"}, ("weight-skew",), (), 0.5)
BAD = replace(GOOD, variant="student-1", run=2, faults=("b should be passed",))


def test_a_variant_is_proved_from_its_own_start_and_the_plain_lab_from_all() -> None:
    plain = [expected.name for expected in expectations(PLAIN) if expected.kind == "start"]
    assert plain == ["start", "start-bypassed", "start-copied"]


def test_folders_variants_and_runs_are_proved_on_several_processors(tmp_path: Path) -> None:
    shutil.copytree(LABS / SLUG, tmp_path / SLUG, ignore=shutil.ignore_patterns("other-ways", "wrong"))
    (tmp_path / SLUG / "lab.toml").write_text(SMALL, encoding="utf-8")
    told: list[str] = []
    report = verify([load_lab(SLUG, folder=tmp_path)], tell=told.append, variants=1, seed="s", runs=2, jobs=2)
    assert [(proof.name, proof.variant, proof.run) for proof in report.proofs] == [
        (name, variant, run)
        for name, variant in (("start", ""), ("reference", ""), ("start", "student-1"), ("reference", "student-1"))
        for run in (1, 2)
    ]
    assert [word.split()[0] for word in told] == [f"{number}/8" for number in range(1, 9)]
    faults = {(proof.name, proof.faults) for proof in report.proofs}
    assert faults == {("start", ("no-retry is not named",)), ("reference", ())}
    assert report.exit_code == 1


def test_the_table_has_a_row_for_each_variant_and_counts_runs() -> None:
    again = replace(BAD, run=1, faults=())
    table = VerifyReport("local", (GOOD, again, BAD), "monday").table()
    lines = table.splitlines()
    assert lines[0] == "lab (local)   checks: a b   variants of seed monday"
    assert lines[1].split()[:3] == ["wrong", "name", "1/2"]
    assert lines[2].split()[:5] == ["wrong", "name", "student-1", "1/2", "1/2"]
    assert lines[3].strip() == "does not hold: b should be passed"
    assert lines[4] == "3 folders examined, 1 variants, 1 not as they must be"


def test_one_look_at_the_plain_lab_needs_no_column_and_no_count() -> None:
    assert VerifyReport("local", (GOOD,)).table().splitlines()[1:] == [
        "  wrong     name     1/2  ✓✗   0.5 s  weight-skew"
    ]


def test_one_folder_alone_and_a_name_that_no_lab_has(tmp_path: Path) -> None:
    shutil.copytree(LABS / SLUG, tmp_path / SLUG, ignore=shutil.ignore_patterns("other-ways", "wrong"))
    (tmp_path / SLUG / "lab.toml").write_text(SMALL, encoding="utf-8")
    lab = load_lab(SLUG, folder=tmp_path)
    assert [proof.name for proof in verify([lab], jobs=1, folders=["reference"]).proofs] == ["reference"]
    with pytest.raises(LabError, match=r"no folder 'strat'.*\n.*reference, start"):
        verify([lab], folders=["strat"])


def test_an_interrupted_verification_goes_on_where_it_was(tmp_path: Path) -> None:
    shutil.copytree(LABS / SLUG, tmp_path / SLUG, ignore=shutil.ignore_patterns("other-ways", "wrong"))
    (tmp_path / SLUG / "lab.toml").write_text(SMALL, encoding="utf-8")
    record = tmp_path / "proofs.jsonl"
    lab = load_lab(SLUG, folder=tmp_path)
    first = verify([lab], variants=1, folders=["reference"], jobs=1, record=record)
    whole = record.read_bytes()
    record.write_bytes(whole[:-20])  # the power went

    told: list[str] = []
    second = verify([lab], tell=told.append, variants=1, folders=["reference"], jobs=1, record=record)
    assert second.seed == first.seed
    assert told == [f"2/2  {SLUG}: reference reference student-1"]
    assert [replace(proof, seconds=0) for proof in second.proofs] == [
        replace(proof, seconds=0) for proof in first.proofs
    ]

    again: list[str] = []
    assert verify([lab], tell=again.append, variants=1, folders=["reference"], jobs=1, record=record) == second
    assert again == []
    text = (tmp_path / SLUG / "lab.toml").read_text(encoding="utf-8")
    (tmp_path / SLUG / "lab.toml").write_text(text.replace("requests = 60", "requests = 61"), encoding="utf-8")
    verify([load_lab(SLUG, folder=tmp_path)], tell=again.append, folders=["reference"], jobs=1, record=record)
    assert again == [f"1/1  {SLUG}: reference reference"]


@pytest.mark.parametrize(
    "text", ["{}\n", "[]\n", '{"key": 1, "seed": "", "proof": {}}\n', "[" * 100_000 + "\n"], ids=range(4)
)
def test_a_file_that_is_no_record_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    record = tmp_path / "notes.txt"
    record.write_text(text, encoding="utf-8")
    with pytest.raises(ManyHandsError, match=r"notes\.txt:1: this is no record of proofs"):
        verify([PLAIN], record=record)
    assert record.read_text(encoding="utf-8") == text
