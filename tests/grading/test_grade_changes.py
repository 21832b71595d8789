"""Every change of a grade is in the log, whoever made it and however; and what is done to the log shows."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from autograder.errors import ManyHandsError
from autograder.grading import grade_log
from autograder.grading.batch import grade
from autograder.grading.grade_log import BEGAN, BY_HAND, FOUND, GRADED, LATE, changed, changing, events, look
from autograder.grading.settings import Places
from tests.grading import judges
from tests.grading.course import LAB, hand_in, nbgrader
from tests.grading.test_formgrader import Lab, jupyterlab

pytestmark = pytest.mark.usefixtures("same_folder")
TABLES = """
CREATE TABLE assignment (id TEXT, name TEXT); CREATE TABLE student (id TEXT);
CREATE TABLE submitted_assignment (id TEXT, assignment_id TEXT, student_id TEXT);
CREATE TABLE notebook (id TEXT, name TEXT); CREATE TABLE base_cell (id TEXT, name TEXT);
CREATE TABLE submitted_notebook (id TEXT, notebook_id TEXT, assignment_id TEXT, late_submission_penalty REAL);
CREATE TABLE grade (notebook_id TEXT, cell_id TEXT, auto_score REAL, manual_score REAL, extra_credit REAL);
INSERT INTO assignment VALUES ('a', 'lab'); INSERT INTO notebook VALUES ('n', 'lab');
INSERT INTO base_cell VALUES ('c1', 'spread'), ('c2', 'answers');
"""


class Book:
    """A class whose gradebook has the columns that matter, and is written by anybody."""

    def __init__(self, home: Path) -> None:
        self.places = Places(home)
        self.places.course.mkdir(parents=True)
        self.places.config.write_text(
            f"c = get_config()\nc.CourseDirectory.db_url = 'sqlite:///{home}/class/book.db'\n"
        )
        self.run(TABLES)

    def run(self, statements: str) -> None:
        connection = sqlite3.connect(self.places.course / "book.db")
        connection.executescript(statements)
        connection.commit()
        connection.close()

    def enter(self, student: str, spread: float) -> None:
        self.run(
            f"INSERT INTO student VALUES ('{student}');"
            f"INSERT INTO submitted_assignment VALUES ('s{student}', 'a', '{student}');"
            f"INSERT INTO submitted_notebook VALUES ('n{student}', 'n', 's{student}', NULL);"
            f"INSERT INTO grade VALUES ('n{student}', 'c1', {spread}, NULL, NULL);"
            f"INSERT INTO grade VALUES ('n{student}', 'c2', NULL, NULL, NULL);"
        )

    def told(self, student: str = "") -> list[tuple[str, str, dict[str, list[list[float | None]]]]]:
        return [
            (event.kind, event.data["student"], dict(event.data["cells"]))
            for event in events(self.places, "lab", student)
        ]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "work")


def test_who_when_whose_what_and_why(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "grace")
    with changing(book.places, "lab", "ada", BY_HAND, "because"):
        book.enter("ada", 4)
    (event,) = events(book.places)
    assert event.at.startswith("20")
    assert event.data == {
        **{"lab": "lab", "student": "ada", "by": "grace", "why": "because"},
        "cells": {"spread": [[None, None, None], [4.0, None, None]]},  # and no line for a cell that has nothing
    }


def test_nothing_new_is_no_line(book: Book) -> None:
    book.enter("ada", 4)
    changed(book.places, "lab", "ada", GRADED, "x")
    assert changed(book.places, "lab", "ada", GRADED, "x") == ()
    assert look(book.places) == ()
    assert len(events(book.places)) == 1


def test_what_was_there_before_the_log_is_told_apart(book: Book) -> None:
    book.enter("ada", 4)
    book.enter("alan", 5)
    look(book.places, "lab", "ada")
    assert [(kind, student) for kind, student, _ in book.told()] == [(BEGAN, "ada"), (BEGAN, "alan")]


@pytest.mark.parametrize(
    ("statement", "cells"),
    [
        ("UPDATE grade SET manual_score = 9 WHERE cell_id = 'c1'", {"spread": [[4, None, None], [4, 9, None]]}),
        ("UPDATE grade SET auto_score = 0 WHERE cell_id = 'c1'", {"spread": [[4, None, None], [0, None, None]]}),
        ("UPDATE grade SET extra_credit = 1 WHERE cell_id = 'c2'", {"answers": [[None] * 3, [None, None, 1]]}),
        ("UPDATE submitted_notebook SET late_submission_penalty = 2", {LATE: [[None] * 3, [-2, None, None]]}),
        ("DELETE FROM grade", {"spread": [[4, None, None], [None] * 3]}),
        ("DELETE FROM student", {"spread": [[4, None, None], [None] * 3]}),
    ],
)
def test_what_nobody_told_us_of_is_found(book: Book, statement: str, cells: dict[str, object]) -> None:
    book.enter("ada", 4)
    changed(book.places, "lab", "ada", GRADED, "judged")
    book.run(statement)
    look(book.places)
    assert book.told()[1:] == [(FOUND, "ada", cells)]
    assert events(book.places)[-1].data["by"] == ""


def test_what_came_before_is_not_put_on_the_grader(book: Book) -> None:
    book.enter("ada", 4)
    changed(book.places, "lab", "ada", GRADED, "judged")
    book.run("UPDATE grade SET manual_score = 9 WHERE cell_id = 'c1'")
    with changing(book.places, "lab", "ada", GRADED, "judged again"):
        book.run("UPDATE grade SET auto_score = 6 WHERE cell_id = 'c1'")
    assert [(kind, cells["spread"]) for kind, _, cells in book.told()[1:]] == [
        (FOUND, [[4, None, None], [4, 9, None]]),
        (GRADED, [[4, 9, None], [6, 9, None]]),
    ]


def test_many_at_once_write_one_chain(book: Book) -> None:
    """Processes, as in two instructors' rooms on one volume."""
    for number in range(8):
        book.enter(f"s{number}", number)
    code = (
        "import sys; from pathlib import Path; from autograder.grading import grade_log;"
        "from autograder.grading.settings import Places;"
        "[grade_log.changed(Places(Path(sys.argv[1])), 'lab', f's{n}', 'graded', 'x') for n in range(8)]"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code, str(book.places.home)]) for _ in range(3)]
    assert [run.wait(300) for run in runs] == [0, 0, 0]
    assert sorted(student for _, student, _ in book.told()) == [f"s{number}" for number in range(8)]
    assert grade_log.GradeLog(grade_log.folder(book.places)).verify() == ()


def test_a_gradebook_that_cannot_be_read_is_told_and_the_change_found_later(book: Book) -> None:
    book.enter("ada", 4)
    path = book.places.course / "book.db"
    kept = path.read_bytes()
    path.write_bytes(b"no database at all, " * 100)
    with pytest.raises(ManyHandsError, match="cannot be read for the log"):
        changed(book.places, "lab", "ada", GRADED, "judged")
    path.write_bytes(kept)
    look(book.places)
    assert len(book.told()) == 1


def report(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "autograder", "report", LAB, "--changes", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MANYHANDS_HOME": str(home)},
        timeout=300,
    )


@pytest.mark.slow
def test_a_run_of_the_grader_is_logged_and_the_command_shows_it(places: Places) -> None:
    hand_in(places, "alice", b"good")
    hand_in(places, "bob", b"bad")
    done = grade(places.home, [LAB], jobs=1, ask=judges.by_word)
    assert done.exit_code == 0, done.table()
    found = events(places, LAB)
    assert [(event.kind, event.data["student"]) for event in found] == [(GRADED, "alice"), (GRADED, "bob")]
    assert all(event.data["why"].startswith("judged 20") for event in found)
    assert grade(places.home, [LAB], jobs=1, ask=judges.by_word).exit_code == 0
    assert len(events(places, LAB)) == 2
    # nbgrader's own command writes the same grades again, and nothing is logged; then points from nowhere
    nbgrader(places, "autograde", LAB, "--student", "bob", "--force")
    assert len(events(places, LAB)) == 2
    connection = sqlite3.connect(places.course / "gradebook.db")
    connection.execute("UPDATE grade SET manual_score = 99")
    connection.commit()
    connection.close()
    said = report(places.home, "--student", "bob")
    assert said.returncode == 0, said.stderr
    assert "→ 99 by hand" in said.stdout
    assert "alice" not in said.stdout
    told = json.loads(report(places.home, "--json").stdout)
    assert [event["kind"] for event in told["changes"]] == [GRADED, GRADED, FOUND, FOUND]
    assert told["wrong"] == []
    assert told["last"] == told["changes"][-1]["digest"]
    # somebody edits the log, and then takes away its end
    path = grade_log.folder(places) / "audit.jsonl"
    kept = path.read_text()
    for broken in (kept.replace("99.0", "0.0"), "".join(kept.splitlines(keepends=True)[:-1])):
        path.write_text(broken)
        said = report(places.home)
        assert said.returncode == 1
        assert "TAMPERED WITH" in said.stdout
        assert path.read_text() == broken  # looking hides nothing


@pytest.mark.slow
def test_points_given_in_formgrader_are_their_giver_s(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(places, "alice", b"bad")
    assert grade(places.home, [LAB], jobs=1, ask=judges.by_word).exit_code == 0
    monkeypatch.setenv("JUPYTERHUB_USER", "grace")
    with jupyterlab(places.home, tmp_path / "log") as lab:
        (submission,) = lab.ask(f"formgrader/api/submitted_notebooks/{LAB}/{LAB}")
        grades = lab.ask(f"formgrader/api/grades?submission_id={submission['id']}")
        one = next(one for one in grades if one["auto_score"] is not None)
        answer = put(lab, f"formgrader/api/grade/{one['id']}", {"manual_score": 3.5, "extra_credit": None})
        assert answer["manual_score"] == 3.5
        with pytest.raises(urllib.error.HTTPError, match="404"):
            put(lab, "formgrader/api/grade/none", {"manual_score": 1})
        (log,) = (event for event in events(places, LAB) if event.kind != GRADED)
        assert (log.kind, log.data["by"], log.data["student"]) == (BY_HAND, "grace", "alice")
        ((old, new),) = log.data["cells"].values()
        assert (old[1], new[1]) == (None, 3.5)
        # where nothing can be noted, nothing is given
        folder = grade_log.folder(places)
        (folder / "audit.jsonl").rename(folder / "kept")
        (folder / "audit.jsonl").mkdir()
        with pytest.raises(urllib.error.HTTPError, match="500"):
            put(lab, f"formgrader/api/grade/{one['id']}", {"manual_score": 0.0, "extra_credit": None})


def put(lab: Lab, path: str, told: object) -> dict[str, object]:
    request = urllib.request.Request(
        lab._url + path,
        json.dumps(told).encode(),
        {"Authorization": f"token {lab._token}", "Content-Type": "application/json"},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=300) as answer:
        found: dict[str, object] = json.loads(answer.read())
        return found
