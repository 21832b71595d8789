"""A class where everybody has a variant of their own, judged and judged again on a cluster, as in one process."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from autograder.grading.batch import grade
from autograder.grading.settings import Places
from autograder.labs.catalogue import load_lab
from autograder.labs.lab import Variant
from tests.grading import judges
from tests.grading.course import LAB, hand_in, scores
from tests.grading.dask_cluster import dask_cluster
from tests.grading.test_regrade import FULL, change

if TYPE_CHECKING:
    from pathlib import Path

SEED = "s"


def start_of(student: str) -> bytes:
    lab = load_lab(LAB, Variant(SEED, student))
    return lab.read(lab.start)["conf/nginx.conf"]


def points(places: Places) -> dict[str, float]:
    return {student: sum(found[check] or 0 for check in FULL) for student, found in scores(places).items()}


def records(places: Places) -> dict[str, bytes]:
    found = (path for path in places.records.rglob("*.json") if path.is_file())
    return {str(path.relative_to(places.records)): path.read_bytes() for path in found}


@pytest.mark.usefixtures("same_folder")
def test_variants_on_a_cluster_and_a_regrade_of_them(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places.course / "variants.json").write_text(f'{{"seed": "{SEED}"}}')
    names = {
        student: {s.name for s in load_lab(LAB, Variant(SEED, student)).stack.servers} for student in ("ann", "ben")
    }
    assert names["ann"] - names["ben"]
    hand_in(places, "ann", start_of("ann"))
    hand_in(places, "ben", start_of("ben") + b"# weak\n")
    hand_in(places, "cat", start_of("ann") + b"# of a neighbour\n")
    here, there = Places(tmp_path / "here"), Places(tmp_path / "there")
    for copy in (here, there):
        shutil.copytree(places.home, copy.home)
    with dask_cluster(tmp_path / "dask", 1) as cluster:
        for where, address in ((here, ""), (there, cluster.address)):
            assert grade(where.home, [LAB], jobs=1, cluster=address, ask=judges.names_own_servers).exit_code == 0
            assert points(where) == {"ann": 10.0, "ben": 10.0, "cat": 0.0}
        assert records(here) == records(there)

        change(monkeypatch, "peak")
        for where, address in ((here, ""), (there, cluster.address)):
            ask = judges.strict_about_own_peaks
            held = grade(where.home, [LAB], jobs=1, cluster=address, ask=ask)
            assert [str(row) for row in held.held] == ["ben  peak  2 → 0"]
            assert held.notes == (f"{LAB}: peak changed; 3 of 3 submissions are judged again (ann, ben, cat)",)
            assert points(where)["ben"] == 10.0
            agreed = grade(where.home, [LAB], jobs=1, cluster=address, ask=ask, confirm=lambda _: True)
            assert (agreed.exit_code, points(where)) == (0, {"ann": 10.0, "ben": 8.0, "cat": 0.0})
        assert records(here) == records(there)
