"""A check changes after grades were written: who is affected is said, the difference shown, nothing written unasked."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from autograder.grading import survey
from autograder.grading.batch import grade
from autograder.grading.frame import Frame
from autograder.grading.history import as_text, history
from autograder.grading.locks import one_writer
from autograder.grading.record import records_of
from autograder.grading.regrade import Change
from autograder.grading.report import Report
from autograder.grading.settings import Places, server_environment
from autograder.grading.versions import check_versions, lab_version
from autograder.labs import kinds
from autograder.labs.catalogue import load_lab
from tests.grading import judges
from tests.grading.course import LAB, hand_in, scores
from tests.grading.dask_cluster import wait_until

pytestmark = pytest.mark.usefixtures("same_folder")
FULL = {"starts": 1.0, "spread": 3.0, "office": 2.0, "one-down": 2.0, "peak": 2.0}


def change(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A kind of check answers differently from now on."""
    module = sys.modules[f"{kinds.__name__}.{kinds.MODULES[kind]}"]
    monkeypatch.setattr(module, "KIND", dataclasses.replace(kinds.kind_named(kind), version=1000))


def run(places: Places, said: list[str] | None = None, yes: bool | None = None, *, force: bool = False) -> Report:
    def confirm(changes: Sequence[Change]) -> bool:
        assert changes
        return bool(yes)

    say = said.append if said is not None else None
    return grade(
        places.home,
        [LAB],
        jobs=1,
        ask=judges.strict_about_peaks if said is not None else judges.by_word,
        confirm=confirm if yes is not None else None,
        say=say,
        force=force,
    )


def total(places: Places) -> dict[str, float]:
    return {student: sum(points[check] or 0 for check in FULL) for student, points in scores(places).items()}


def test_only_the_changed_check_is_judged_again_and_nothing_is_written_unasked(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(places, "alice", b"good")
    hand_in(places, "bob", b"good weak")
    hand_in(places, "carol", b"bad")
    run(places)
    before = {path: path.read_bytes() for path in places.records.rglob("*.json")}
    change(monkeypatch, "peak")
    hand_in(places, "dora", b"good")
    said: list[str] = []

    held = run(places, said)  # nobody to ask
    assert said == [f"{LAB}: peak changed; 3 of 4 submissions are judged again (alice, bob, carol)"]
    assert held.exit_code == 1
    assert held.held == (Change(LAB, "bob", "peak", 2.0, 0.0),)
    text = held.table()
    assert "bob  peak  2 → 0" in text
    assert "1 student: 0 verdicts go up, 1 go down" in text
    assert "were not written" in text
    assert total(places) == {"alice": 10.0, "bob": 10.0, "carol": 0.0, "dora": 10.0}  # dora's is new, no change

    refused = run(places, said, yes=False)
    assert (refused.exit_code, total(places)["bob"]) == (1, 10.0)
    assert not any(row.fresh for row in refused.rows)

    agreed = run(places, said, yes=True)
    assert (agreed.exit_code, agreed.held) == (0, ())
    assert total(places) == {"alice": 10.0, "bob": 8.0, "carol": 0.0, "dora": 10.0}
    assert run(places, said).exit_code == 0  # and that is that

    for path, data in before.items():
        assert path.read_bytes() == data  # nothing lost
    rows = history(places, [LAB], ["bob"])
    assert [(row["points"], row["written"]) for row in rows] == [(10.0, False), (8.0, True)]
    assert "peak 0" in as_text(rows)
    old, new = records_of(places.records, LAB, "bob")
    same = [verdict.check for verdict, other in zip(old.verdicts, new.verdicts, strict=True) if verdict == other]
    assert same == ["starts", "spread", "office", "one-down"]  # evidence and all: they were not judged again


def test_forced_to_judge_again_a_written_grade_changes_only_when_somebody_agrees(places: Places) -> None:
    hand_in(places, "bob", b"good weak")
    run(places)
    said: list[str] = []
    assert run(places, said, force=True).held == (Change(LAB, "bob", "peak", 2.0, 0.0),)
    assert total(places) == {"bob": 10.0}
    assert len(records_of(places.records, LAB, "bob")) == 2  # the one that was replaced is kept
    assert run(places, said, yes=True).exit_code == 0
    assert total(places) == {"bob": 8.0}


def test_nbgraders_own_autograde_changes_no_grade_either_and_waits_for_who_writes(places: Places) -> None:
    """The real command, by hand, while somebody else writes."""
    hand_in(places, "bob", b"good weak")
    run(places)
    assert len(run(places, [], force=True).held) == 1
    shown = places.autograded("bob", LAB) / f"{LAB}.ipynb"
    before = shown.read_bytes()
    with one_writer(places):
        command = subprocess.Popen(
            [sys.executable, "-P", "-m", "nbgrader", "autograde", LAB, "--force"],
            cwd=places.course,
            env={**os.environ, **server_environment(places.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

        def waits() -> bool:
            assert command.poll() is None, command.communicate()[0]
            locks = Path("/proc/locks").read_text().splitlines()
            return any(line.split()[1:3] == ["->", "FLOCK"] and f" {command.pid} " in line for line in locks)

        wait_until(waits)
    log = command.communicate(timeout=300)[0]
    assert command.returncode == 0, log
    assert "bob's grade for spread-the-load stays as it is" in log
    assert "peak 2 → 0" in log
    assert f"./manyhands grade {LAB}" in log
    assert total(places) == {"bob": 10.0}
    assert shown.read_bytes() == before
    pressed = Frame(places.home).press("autograde", LAB, "bob")
    assert (pressed["success"], total(places)) == (False, {"bob": 10.0})
    assert "peak 2 → 0" in pressed["error"]

    shutil.rmtree(places.records / LAB / "bob" / "before")  # what the grade was written from is gone
    assert "stays as it is" in Frame(places.home).autograde(LAB, "bob")
    assert total(places) == {"bob": 10.0}
    assert run(places, [], yes=True).exit_code == 0
    assert total(places) == {"bob": 8.0}


def test_another_submission_is_no_regrade(places: Places) -> None:
    folder = hand_in(places, "bob", b"good")
    run(places)
    (folder / "conf" / "nginx.conf").write_bytes(b"bad")
    assert run(places).exit_code == 0
    assert total(places) == {"bob": 0.0}


def test_a_regrade_keeps_what_people_wrote(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Manual scores, comments and the penalty for being late outlive a regrade."""
    import datetime

    from nbgrader.api import Gradebook

    folder = hand_in(places, "bob", b"good weak")
    (folder / "timestamp.txt").write_text("2026-11-22 12:00:00.000000 UTC")
    with places.config.open("a") as own:
        own.write('\nc.LateSubmissionPlugin.penalty_method = "zero"\n')
    url = f"sqlite:///{places.course}/gradebook.db"
    with Gradebook(url) as book:
        book.update_or_create_assignment(LAB, duedate=datetime.datetime(2026, 11, 23))
    run(places)
    with Gradebook(url) as book:
        mine = book.find_grade("spread", LAB, LAB, "bob")
        mine.manual_score = 1.5
        for notebook in book.find_submission(LAB, "bob").notebooks:
            for comment in notebook.comments:
                comment.manual_comment = "well put"
        comments = len(book.find_submission(LAB, "bob").notebooks[0].comments)
        book.db.commit()
        assert book.find_submission(LAB, "bob").late_submission_penalty in (None, 0)
    change(monkeypatch, "peak")
    assert run(places, [], yes=True).exit_code == 0
    with Gradebook(url) as book:
        told = book.find_submission(LAB, "bob")
        assert (told.notebooks[0].score, book.find_grade("spread", LAB, LAB, "bob").manual_score) == (6.5, 1.5)
        assert [comment.comment for comment in told.notebooks[0].comments] == ["well put"] * comments
        book.update_or_create_assignment(LAB, duedate=datetime.datetime(2026, 11, 22))
    assert Frame(places.home).autograde(LAB, "bob") == ""
    with Gradebook(url) as book:
        told = book.find_submission(LAB, "bob")
        # half a day late, and all of it goes; what people wrote stays for whoever looks
        assert told.notebooks[0].late_submission_penalty == 6.5
        assert told.score - told.notebooks[0].late_submission_penalty == 0
        assert book.find_grade("spread", LAB, LAB, "bob").manual_score == 1.5


def test_a_version_follows_what_decides_and_nothing_else() -> None:
    lab = load_lab(LAB)
    first, *others = lab.checks
    told = dataclasses.replace(lab, checks=(dataclasses.replace(first, hints=("x",), title="y", page="z"), *others))
    assert check_versions(told) == check_versions(lab)
    assert lab_version(told) == lab_version(lab)
    changed = dataclasses.replace(lab, checks=(dataclasses.replace(first, points=99.0), *others))
    differ = [name for name, version in check_versions(changed).items() if version != check_versions(lab)[name]]
    assert differ == [first.name]
    assert lab_version(changed) != lab_version(lab)
    assert survey.affected([]) == []
