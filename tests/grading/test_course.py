"""A whole course through nbgrader's real steps: release, fetch, submit, collect, grade, feedback, export."""

from __future__ import annotations

import html
import os
import re
import shutil
from pathlib import Path

import pytest

from autograder.grading.batch import grade
from autograder.grading.settings import Places, server_environment
from autograder.grading.variants import variant_of
from autograder.grading.written import written_record
from autograder.labs.catalogue import load_lab
from autograder.traffic.clients import population
from tests.grading.course import LAB, Learner, config, expected, hand_in, nbgrader, records, scores

pytestmark = pytest.mark.usefixtures("same_folder")
WRONG = "weight-kept"


def total(places: Places, student: str) -> float:
    return sum(score or 0.0 for score in scores(places)[student].values())


def only_hidden_clients_suffer() -> bytes:
    """The reference, but whoever keeps a connection open goes to app1 from the second request on."""
    text = config("reference").decode()
    first = "map $connection_requests $pool { 1 shop; default first; }\n    upstream first { server app1:8080; }\n"
    text = text.replace("    upstream shop {", f"    {first}    upstream shop {{")
    return text.replace("proxy_pass http://shop;", "proxy_pass http://$pool;").encode()


LISTED = re.compile(r'<li><a href="#[^"]+">([^<]*)</a> \(Score')


def test_from_fetch_to_feedback_with_three_learners(places: Places, tmp_path: Path) -> None:
    for name, conf in (("alice", config("reference")), ("bob", config(WRONG)), ("eve", only_hidden_clients_suffer())):
        learner = Learner(name, places, tmp_path / name)
        learner.fetch()
        (learner.folder / "conf" / "nginx.conf").write_bytes(conf)
        learner.submit()
    report = grade(places.home, [LAB])
    assert report.exit_code == 0, report.table()

    points = {
        record["key"]["student"]: {v["check"]: v["points"] for v in record["verdicts"]} for record in records(places)
    }
    assert scores(places) == points
    assert total(places, "alice") == 10.0
    assert total(places, "bob") == expected(WRONG)

    nbgrader(places, "generate_feedback", LAB)
    page = (places.course / "feedback" / "bob" / LAB / f"{LAB}.html").read_text()
    assert "not yet" in page
    assert "Test cell" not in page
    own = load_lab(LAB, variant_of(places, "bob"))
    assert [html.unescape(name) for name in LISTED.findall(page)] == [check.title for check in own.checks]
    assert "conf/nginx.conf:" in page
    assert "█" in page
    told = written_record(places, LAB, "bob")
    assert told is not None
    causes = [cause for verdict in told.verdicts for cause in verdict.causes]
    assert causes
    assert not [cause for cause in causes if cause.mend in page]  # the direction of the mend is for engineers at work
    assert load_lab(LAB).check("spread").hints[0] in html.unescape(page)
    failed_by_hidden_clients(places)
    nbgrader(places, "release_feedback", LAB)
    assert len(list((places.exchange / "many-hands" / "feedback").glob("*.html"))) == 3

    export = tmp_path / "grades.csv"
    nbgrader(places, "export", f"--to={export}")
    rows = [line.split(",") for line in export.read_text().splitlines()]
    column = rows[0].index("score")
    assert {row[rows[0].index("student_id")]: float(row[column]) for row in rows[1:]} == {
        "alice": 10.0,
        "bob": expected(WRONG),
        "eve": total(places, "eve"),
    }


def failed_by_hidden_clients(places: Places) -> None:
    """Eve's feedback shows what was counted, and not which clients it was counted with."""
    check = load_lab(LAB).check("spread")
    told = written_record(places, LAB, "eve")
    assert told is not None
    verdict = next(verdict for verdict in told.verdicts if verdict.check == "spread")
    assert verdict.outcome == "failed"
    page = html.unescape((places.course / "feedback" / "eve" / LAB / f"{LAB}.html").read_text())
    assert "clients of another kind than in the lab" in page
    assert f"{verdict.share['app1']:4.0%}" in page
    assert "█" in page
    assert check.hidden
    for name in check.hidden:
        assert name not in page
        assert population(name).described not in page


def test_nbgraders_own_autograde_judges_then_and_there(places: Places) -> None:
    """By hand and without a record, as formgrader's button does it; a class of one honest and two odd submissions."""
    hand_in(places, "alice", config("missing-semicolon"))
    renamed = hand_in(places, "bob", config("missing-semicolon"))
    (renamed / f"{LAB}.ipynb").rename(renamed / "my work.ipynb")
    linked = hand_in(places, "mallory", None)
    (linked / "conf" / "nginx.conf").symlink_to("/etc/passwd")
    (linked / f"{LAB}.ipynb").write_text("no notebook {")
    os.mkfifo(linked / "pipe")
    log = nbgrader(places, "autograde", LAB)
    assert "Traceback" not in log
    assert {student: total(places, student) for student in scores(places)} == {"alice": 0.0, "bob": 0.0, "mallory": 0.0}
    assert len(records(places)) == 3
    root = (places.course / "autograded" / "mallory").rglob("*")
    assert not any(b"root:" in path.read_bytes() for path in root if path.is_file())


def test_an_instructors_own_cell_waits_for_the_instructor(places: Places) -> None:
    """A grade cell that is no check of the lab: nbgrader would give full marks to a cell that nobody executed."""
    import nbformat
    from nbgrader.api import Gradebook

    from tests.grading import judges

    source = places.source(LAB) / f"{LAB}.ipynb"
    notebook = nbformat.read(source, as_version=4)
    ours = {"grade": True, "solution": False, "locked": True, "task": False, "schema_version": 3}
    cell = nbformat.v4.new_code_cell("assert True", metadata={"nbgrader": {**ours, "grade_id": "mine", "points": 7.0}})
    notebook.cells.append(cell)
    checks = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "spread"]
    checks[0].metadata.nbgrader.points = 30.0
    nbformat.write(notebook, source)
    nbgrader(places, "generate_assignment", LAB, "--force")
    hand_in(places, "alice", b"good")
    assert grade(places.home, [LAB], ask=judges.by_word).exit_code == 0
    assert scores(places)["alice"] == {
        "starts": 1.0,
        "spread": 30.0,
        "office": 2.0,
        "one-down": 2.0,
        "peak": 2.0,
        "mine": None,
    }
    with Gradebook(f"sqlite:///{places.course}/gradebook.db") as book:
        assert book.find_grade("mine", LAB, LAB, "alice").needs_manual_grade


def test_a_second_hand_in_replaces_the_first(places: Places, tmp_path: Path) -> None:
    from tests.grading import judges

    learner = Learner("alice", places, tmp_path / "alice")
    learner.fetch()
    for text, points in ((b"bad", 0.0), (b"good", 10.0)):
        (learner.folder / "conf" / "nginx.conf").write_bytes(text)
        learner.submit()
        assert grade(places.home, [LAB], ask=judges.by_word).exit_code == 0
        assert total(places, "alice") == points


def test_the_assignment_list_finds_the_learners_copy(
    places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """JupyterLab (root: the home folder) shows the lab as fetched, fetches it anew when it is gone, and submits it."""
    from nbgrader.server_extensions.assignment_list.handlers import AssignmentList

    for name, value in server_environment(places.home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "none"))
    listing = AssignmentList()
    listing.root_dir = str(places.home)
    monkeypatch.chdir(places.home)
    found = listing.list_released_assignments(course_id="many-hands")
    assert [(row["status"], row["path"]) for row in found["value"]] == [("fetched", f"labs/{LAB}")]
    shutil.rmtree(places.learner / LAB)
    assert listing.fetch_assignment("many-hands", LAB)["success"]
    assert (places.learner / LAB / "conf" / "nginx.conf").is_file()
    assert listing.submit_assignment("many-hands", LAB)["success"]
    assert len(list(places.inbound.iterdir())) == 1
