"""A class of attackers and one honest learner: nobody gains, nobody is harmed, the run ends."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from autograder.grading.batch import grade
from autograder.grading.frame import Frame
from autograder.grading.settings import Places
from tests.grading import judges
from tests.grading.course import LAB, hand_in, nbgrader, read, scores
from tests.hostile.attacks import ATTACKS, MISHAPS

pytestmark = pytest.mark.usefixtures("same_folder")
CHECKS = {"starts": 1.0, "spread": 3.0, "office": 2.0, "one-down": 2.0, "peak": 2.0}


def attack(places: Places) -> None:
    for change in ATTACKS:
        change(hand_in(places, change.__name__, b"deserves nothing"))
    hand_in(places, "honest", b"good")


def points(places: Places) -> Mapping[str, float]:
    return {student: sum(score or 0.0 for score in checks.values()) for student, checks in scores(places).items()}


def everything_below(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_nobody_gains_and_the_honest_lose_nothing(places: Places) -> None:
    attack(places)
    report = grade(places.home, [LAB], ask=judges.by_word, jobs=2)
    assert report.exit_code == 0, report.table()
    assert points(places) == {**{change.__name__: 0.0 for change in ATTACKS}, "honest": 10.0}
    for student, checks in scores(places).items():
        assert set(checks) == set(CHECKS), student
        assert None not in checks.values(), student

    assert not list(places.home.rglob("ACTED"))
    graded = everything_below(places.course / "autograded")
    assert b"root:" not in graded
    assert len(graded) < 20 * 2**20
    for path in (places.course / "autograded").rglob("*"):
        assert path.is_dir() or (path.is_file() and not path.is_symlink())

    nbgrader(places, "generate_feedback", LAB, "--student=script_in_the_words")
    page = (places.course / "feedback" / "script_in_the_words" / LAB / f"{LAB}.html").read_text()
    words = page[page.index("alert(") - 200 :]
    assert "<script>alert('ACTED')" not in words
    assert "onerror=alert(1)&gt;" in words or "onerror" not in words
    assert 'href="javascript' not in words
    assert b"root:" not in everything_below(places.course / "feedback")


def test_an_odd_notebook_costs_an_honest_learner_nothing(places: Places) -> None:
    """The same changes to the notebook, with a config that deserves everything."""
    for change in MISHAPS:
        change(hand_in(places, change.__name__, b"good"))
    assert grade(places.home, [LAB], ask=judges.by_word, jobs=2).exit_code == 0
    assert points(places) == {change.__name__: 10.0 for change in MISHAPS}


def test_an_inbound_folder_anybody_can_write_to(places: Places, tmp_path: Path) -> None:
    """Put there without nbgrader's submit, under names of the attacker's choice."""
    secret = tmp_path / "secret"
    secret.write_text("the instructor's secret")

    def put(name: str) -> Path:
        folder = places.inbound / name
        (folder / "conf").mkdir(parents=True)
        (folder / "conf" / "nginx.conf").write_text("good")
        (folder / "timestamp.txt").write_text("2026-11-22 10:00:00.000000 UTC")
        return folder

    when = "2026-11-22 10:00:00.000000 UTC"
    put(f"honest+{LAB}+{when}+abc")
    (put(f"linker+{LAB}+{when}+abc") / "notes").symlink_to(secret)
    folder = put(f"loop+{LAB}+{when}+abc")
    (folder / "self").symlink_to(folder)
    os.mkfifo(put(f"piper+{LAB}+{when}+abc") / "pipe")
    (put(f"timeless+{LAB}+{when}+abc") / "timestamp.txt").write_text("never")
    for name in (
        f"..+{LAB}+{when}+abc",
        f"+{LAB}+{when}+abc",
        f"x+{LAB}+never+abc",
        f"*+{LAB}+{when}+abc",
        f"y+{LAB}+",
    ):
        put(name)
    (places.inbound / f"file+{LAB}+{when}+abc").write_text("not a folder")
    (places.inbound / f"link+{LAB}+{when}+abc").symlink_to(tmp_path)

    assert Frame(places.home).collect(LAB) == ""
    submitted = places.course / "submitted"
    honest = {"honest", "linker", "loop", "piper", "timeless"}
    assert {path.parent.name for path in submitted.glob(f"*/{LAB}")} == honest
    assert b"secret" not in everything_below(submitted)
    assert not (places.course / LAB).exists()

    assert grade(places.home, [LAB], ask=judges.by_word, jobs=2).exit_code == 0
    assert points(places) == dict.fromkeys(honest, 10.0)
    assert read(places.autograded("honest", LAB) / f"{LAB}.ipynb").cells


def test_a_config_that_attacks_the_twin_is_judged_like_any_other(places: Places, tmp_path: Path) -> None:
    """The real examiner: files of the machine included, written to, and read, from a config."""
    target = tmp_path / "written"
    conf: dict[str, Any] = {
        "includes": "include /etc/passwd;\n",
        "writes": f"error_log {target} debug;\nevents {{}}\nhttp {{}}\n",
        "loads": "load_module /etc/passwd;\nevents {}\n",
    }
    for student, text in conf.items():
        hand_in(places, student, text.encode())
    report = grade(places.home, [LAB], jobs=2)
    assert {row.student: row.record.points < 10 for row in report.rows if row.record} == dict.fromkeys(conf, True)
    assert not target.exists()
    assert b"root:x:" not in everything_below(places.course / "records")
