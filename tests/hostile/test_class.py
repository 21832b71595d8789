"""A class of attackers and some honest learners: nobody gains, nobody is harmed, the run ends, the records tell."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from autograder.grading.batch import grade
from autograder.grading.frame import Frame
from autograder.grading.judging import Task, Verdicts, judge
from autograder.grading.record import records_of
from autograder.grading.report import Report
from autograder.grading.settings import Places
from tests.grading import judges
from tests.grading.course import LAB, config, hand_in, nbgrader, read, scores
from tests.hostile.attacks import ATTACKS
from tests.hostile.configs import CONFIGS, SECRET
from tests.hostile.corpus import rows
from tests.hostile.mishaps import CHANGE_THE_CONFIG, MISHAPS

pytestmark = pytest.mark.usefixtures("same_folder")
CHECKS = {"starts": 1.0, "spread": 3.0, "office": 2.0, "one-down": 2.0, "peak": 2.0}
TRUE = ("honest", "honest-too")
"""Learners with the lab's own reference, in the middle of it all."""


def by_word_or_traffic(task: Task) -> Verdicts:
    """By word where the attack is around the config; by the real examiner where it is the config."""
    text = task.files.get("conf/nginx.conf", b"")
    return judges.by_word(task) if text.startswith((b"deserves nothing", b"good")) else judge(task)


def points(places: Places) -> Mapping[str, float]:
    return {student: sum(score or 0.0 for score in checks.values()) for student, checks in scores(places).items()}


def everything_below(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def told(places: Places) -> Mapping[str, str]:
    """All words of each student's record."""
    return {
        student: "\n".join(
            f"{verdict.observed}\n{verdict.why}\n{verdict.next}"
            for record in records_of(places.records, LAB, student)
            for verdict in record.verdicts
        )
        for student in scores(places)
    }


def check_nobody_is_harmed(places: Places, report: Report) -> None:
    assert report.exit_code == 0, report.table()
    for student, checks in scores(places).items():
        assert set(checks) == set(CHECKS), student
        assert None not in checks.values(), student
    assert not list(places.home.rglob("ACTED"))
    graded = everything_below(places.course / "autograded")
    assert len(graded) < 40 * 2**20
    for secret in (b"root:", SECRET.encode()):
        assert secret not in graded
        assert secret not in everything_below(places.course / "records")
    for path in (places.course / "autograded").rglob("*"):
        assert path.is_dir() or (path.is_file() and not path.is_symlink())


def test_the_corpus_is_a_table_of_distinct_attacks() -> None:
    names = [row[:2] for row in rows()]
    assert len(names) == len(set(names))
    assert len(ATTACKS) + len(CONFIGS) >= 80
    assert all(all(row) for row in rows())


@pytest.mark.slow
def test_one_class_of_every_attack_and_two_honest_learners(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    for one in ATTACKS:
        one.change(hand_in(places, one.name, b"deserves nothing"))
    for one in CONFIGS:
        one.change(hand_in(places, one.name, b""))
    for name in TRUE:
        hand_in(places, name, config("reference") + b"# " + name.encode())
    report = grade(places.home, [LAB], ask=by_word_or_traffic, jobs=6)

    check_nobody_is_harmed(places, report)
    got, words = points(places), told(places)
    assert [name for name in TRUE if got[name] != 10.0] == [], [words[name] for name in TRUE]
    assert {one.name: got[one.name] for one in (*ATTACKS, *CONFIGS) if got[one.name] > one.deserves} == {}
    assert {one.name: words[one.name][:300] for one in (*ATTACKS, *CONFIGS) if one.says not in words[one.name]} == {}


@pytest.mark.slow
def test_feedback_holds_nothing_that_acts(places: Places) -> None:
    """Both for a browser and for a terminal."""
    corpus = {one.name: one for one in (*ATTACKS, *CONFIGS)}
    for name in ("script-in-the-words", "characters-that-act"):
        corpus[name].change(hand_in(places, name, b"deserves nothing"))
    report = grade(places.home, [LAB], ask=by_word_or_traffic, jobs=2)
    check_nobody_is_harmed(places, report)
    assert not {"\x1b", "\x07", "\u202e", "\u2066"} & set(report.table())

    nbgrader(places, "generate_feedback", LAB)
    pages = {path.parts[-3]: path.read_text() for path in places.course.glob(f"feedback/*/*/{LAB}.html")}
    script = pages["script-in-the-words"][pages["script-in-the-words"].index("alert(") - 200 :]
    assert "<script>alert('ACTED')" not in script
    assert "onerror=alert(1)&gt;" in script or "onerror" not in script
    assert 'href="javascript' not in script
    assert "unknown directive" in pages["characters-that-act"]
    assert not {"\x1b", "\x07", "\u202e", "\u2066"} & set(pages["characters-that-act"])


@pytest.mark.slow
def test_a_mishap_costs_an_honest_learner_nothing(places: Places) -> None:
    for one in MISHAPS:
        one.change(hand_in(places, one.name, b"good" if one.name not in CHANGE_THE_CONFIG else config("reference")))
    report = grade(places.home, [LAB], ask=by_word_or_traffic, jobs=4)
    check_nobody_is_harmed(places, report)
    assert points(places) == {one.name: 10.0 for one in MISHAPS}, told(places)


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
