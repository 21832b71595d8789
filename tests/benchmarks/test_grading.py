"""The benchmark of grading compares like with like: the same submissions, the same checks, the same points."""

from __future__ import annotations

import json

import nbformat
import pytest

from autograder.bench import grading
from autograder.bench.memory import watched
from autograder.labs.catalogue import load_lab

LAB = load_lab(grading.LAB)


def test_submissions_are_distinct_and_what_the_author_wrote() -> None:
    found = dict(grading.submissions(LAB, 60))
    assert len(found) == 60
    assert len({files["conf/nginx.conf"] for files in found.values()}) == 60
    first = next(iter(found.values()))["conf/nginx.conf"].decode()
    start = LAB.read(LAB.start)["conf/nginx.conf"].decode()
    assert [line for line in first.splitlines() if line not in start.splitlines()] == ["# number 0"]


def test_the_peers_notebook_makes_every_check() -> None:
    notebook = nbformat.reads(grading._notebook(LAB).decode(), as_version=4)
    nbformat.validate(notebook)
    graded = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if cell.metadata.nbgrader.grade}
    assert {name: cell.metadata.nbgrader.points for name, cell in graded.items()} == {
        check.name: check.points for check in LAB.checks
    }
    for cell in notebook.cells:
        compile(cell.source, "cell", "exec")


def test_memory_of_a_process_that_is_gone_is_none() -> None:
    with watched(2**22 - 1) as memory:
        pass
    assert memory.peak_mb == 0.0


@pytest.mark.slow
def test_both_give_the_same_points() -> None:
    found = grading.measure(lambda _: None, sizes=(2,))
    assert found["points_that_differ"] == {}
    assert found["ratio"] > 0
    assert found["ours"]["peak_mb"] > 0
    assert "submissions a minute" in grading.report(json.loads(json.dumps(found)))
