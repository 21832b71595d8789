"""Everything around judging: who is graded, what happens to what fails, what survives a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.errors import ManyHandsError
from autograder.grading.batch import grade
from autograder.grading.settings import Places
from tests.grading import judges
from tests.grading.course import LAB, hand_in, read, records, scores

pytestmark = pytest.mark.usefixtures("same_folder")
ROOT = Path(__file__).parents[2]
FULL = {"starts": 1.0, "spread": 3.0, "office": 2.0, "one-down": 2.0, "peak": 2.0}
NONE = dict.fromkeys(FULL, 0.0)


def test_a_class_is_graded_and_only_what_is_new_is_judged_again(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = tmp_path / "diary"
    monkeypatch.setenv(judges.DIARY, str(diary))
    hand_in(places, "alice", b"good a")
    hand_in(places, "bob", b"bad b")
    report = grade(places.home, [LAB], jobs=2, ask=judges.by_word)
    assert report.exit_code == 0
    assert scores(places) == {"alice": FULL, "bob": NONE}
    assert sorted(diary.read_text().split("\n")[:-1]) == ["bad b", "good a"]
    table = report.table()
    assert "alice" in table
    assert "10/10  passed" in table
    assert "0/10  not yet" in table

    notebook = places.autograded("alice", LAB) / f"{LAB}.ipynb"
    before = notebook.stat().st_mtime_ns
    again = grade(places.home, [LAB], jobs=2, ask=judges.by_word)
    assert [row.fresh for row in again.rows] == [False, False]
    assert notebook.stat().st_mtime_ns == before

    (places.submitted("bob", LAB) / "conf" / "nginx.conf").write_bytes(b"good b")
    third = grade(places.home, [LAB], jobs=2, ask=judges.by_word)
    assert [(row.student, row.fresh) for row in third.rows] == [("alice", False), ("bob", True)]
    assert scores(places) == {"alice": FULL, "bob": FULL}
    assert len(diary.read_text().split("\n")[:-1]) == 3

    forced = grade(places.home, [LAB], students=["alice"], jobs=2, force=True, ask=judges.by_word)
    assert [(row.student, row.fresh) for row in forced.rows] == [("alice", True)]
    assert len(records(places)) == 3
    json.dumps(forced.to_dict())


def test_our_failure_is_no_grade_and_the_next_run_mends_it(places: Places) -> None:
    hand_in(places, "alice", b"good")
    hand_in(places, "bob", b"unlucky good")
    report = grade(places.home, [LAB], ask=judges.we_fail)
    assert report.exit_code == 1
    assert "bob: no grade was written" in report.table()
    assert "no namespaces today" in report.table()
    assert scores(places) == {"alice": FULL}
    assert not places.autograded("bob", LAB).exists()
    assert grade(places.home, [LAB], ask=judges.by_word).exit_code == 0
    assert scores(places) == {"alice": FULL, "bob": FULL}


def test_points_that_are_no_points_are_no_grade(places: Places) -> None:
    hand_in(places, "alice", b"bad")
    report = grade(places.home, [LAB], ask=judges.gives_too_much)
    assert report.exit_code == 1
    assert scores(places) == {}
    assert records(places) == []


def test_a_student_nbgrader_cannot_name_stops_nobody(places: Places) -> None:
    hand_in(places, "a[b]*", b"good")
    hand_in(places, "carol", b"good")
    report = grade(places.home, [LAB], ask=judges.by_word)
    assert {row.student: row.outcome for row in report.rows} == {"a[b]*": "ungraded (our fault)", "carol": "passed"}
    assert scores(places) == {"carol": FULL}


def test_a_run_that_is_killed_half_way_goes_on_where_it_was(places: Places, tmp_path: Path) -> None:
    """No double, no loss: each submission is judged once, but for those under way when the run was killed."""
    students = [f"s{number:02}" for number in range(8)]
    for student in students:
        last = " last word" if student == "s05" else ""
        hand_in(places, student, f"good {student}{last}".encode())
    diary = tmp_path / "diary"
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\n"
        "from autograder.grading.batch import grade\nfrom tests.grading import judges\n"
        f"if __name__ == '__main__':\n    grade(Path(sys.argv[1]), ['{LAB}'], jobs=1, ask=judges.kills_the_run)\n"
    )
    environment = {**os.environ, judges.DIARY: str(diary), "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    killed = subprocess.run([sys.executable, script, places.home], env=environment, check=False, timeout=300)
    assert killed.returncode == -signal.SIGKILL
    kept = {record["key"]["student"] for record in records(places)}
    assert 0 < len(kept) < len(students)
    judged_before = len(diary.read_text().splitlines())

    os.environ[judges.DIARY] = str(diary)
    try:
        report = grade(places.home, [LAB], jobs=2, ask=judges.by_word)
    finally:
        del os.environ[judges.DIARY]
    assert report.exit_code == 0
    assert scores(places) == dict.fromkeys(students, FULL)
    assert sorted(record["key"]["student"] for record in records(places)) == students
    assert {row.student for row in report.rows if not row.fresh} == kept
    assert len(diary.read_text().splitlines()) - judged_before == len(students) - len(kept)


def test_half_written_files_of_a_killed_run_harm_nothing(places: Places) -> None:
    folder = hand_in(places, "alice", b"good")
    (folder.parent / f".{LAB}.partial").mkdir()
    (places.records / LAB / "alice").mkdir(parents=True)
    (places.records / LAB / "alice" / ".x.json.abc").write_text("{")
    places.autograded("alice", LAB).mkdir(parents=True)
    assert grade(places.home, [LAB], ask=judges.by_word).exit_code == 0
    assert scores(places) == {"alice": FULL}


def test_the_evidence_is_in_the_autograded_notebook(places: Places) -> None:
    hand_in(places, "alice", b"bad")
    grade(places.home, [LAB], ask=judges.by_word)
    notebook = read(places.autograded("alice", LAB) / f"{LAB}.ipynb")
    cells = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    assert [cell.outputs[0].output_type for cell in cells] == ["display_data"] * len(cells)
    assert all("0 of" in cell.outputs[0].data["text/html"] for cell in cells)
    assert [cell.outputs[1].data["text/plain"] for cell in cells] == ["0.0"] * len(cells)


def test_without_a_class_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ManyHandsError, match="manyhands up"):
        grade(tmp_path, [LAB])


def test_with_nothing_handed_in_there_is_nothing_to_grade(places: Places) -> None:
    report = grade(places.home, [LAB], ask=judges.by_word)
    assert report.exit_code == 0
    assert "Nothing to grade" in report.table()
