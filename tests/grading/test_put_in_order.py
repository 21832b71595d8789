from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from autograder.grading.put_in_order import put_in_order, read_notebook
from tests.grading.course import LAB, read


@pytest.fixture
def released(prepared_home: Path) -> Any:
    """The lab's release, with a cell for the learner to write in, as other courses have."""
    notebook = read(prepared_home / "class" / "release" / LAB / f"{LAB}.ipynb")
    ours = {"grade": False, "solution": True, "locked": False, "task": False, "grade_id": "words", "schema_version": 3}
    notebook.cells.append(new_code_cell("# your words here", metadata={"nbgrader": {**ours, "checksum": "0"}}))
    return notebook


def managed(notebook: Any) -> list[Any]:
    """What nbgrader goes by: the managed cells, in order, without their place in the notebook."""
    return [
        {key: value for key, value in cell.items() if key != "id"}
        for cell in notebook.cells
        if "nbgrader" in cell.metadata
    ]


def delete_grade_cells(notebook: Any) -> None:
    notebook.cells = [cell for cell in notebook.cells if not cell.metadata.get("nbgrader", {}).get("grade")]


def copy_every_cell(notebook: Any) -> None:
    notebook.cells = [cell for cell in notebook.cells for _ in range(3)]


def delete_all(notebook: Any) -> None:
    notebook.cells = []


def retype(notebook: Any) -> None:
    for cell in notebook.cells:
        cell.cell_type = "markdown" if cell.cell_type == "code" else "code"


def rewrite_locked(notebook: Any) -> None:
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("locked"):
            cell.source = "raise SystemExit"


def other_schema(notebook: Any) -> None:
    for number, cell in enumerate(notebook.cells):
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.schema_version = number


def more_points(notebook: Any) -> None:
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.points = 1000


def empty_metadata(notebook: Any) -> None:
    notebook.cells.insert(0, new_code_cell("x", metadata={"nbgrader": {}}))
    notebook.cells.insert(0, new_code_cell("x", metadata={"nbgrader": {"grade_id": ["a", "list"], "grade": True}}))
    notebook.cells.insert(
        0, new_code_cell("x", metadata={"nbgrader": {"grade_id": "invented", "grade": True, "points": 9}})
    )


def forge(notebook: Any) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata.tags = ["skip-execution"]
            cell.outputs = [new_output("execute_result", data={"text/plain": "1000"}, execution_count=1)]


def other_kernel(notebook: Any) -> None:
    notebook.metadata.kernelspec = {"name": "evil", "display_name": "evil"}


MANGLINGS = [
    *(delete_grade_cells, copy_every_cell, delete_all, retype, rewrite_locked, other_schema, more_points),
    *(empty_metadata, forge, other_kernel),
]


@pytest.mark.parametrize("mangle", MANGLINGS)
def test_whatever_was_done_the_instructors_cells_are_there_once_and_as_released(
    released: Any, mangle: Callable[[Any], None]
) -> None:
    submitted = nbformat.from_dict(json.loads(nbformat.writes(released)))
    mangle(submitted)
    ordered = put_in_order(submitted, released)
    nbformat.validate(ordered)
    assert ordered.metadata == released.metadata
    expected = managed(released)
    if mangle is not retype:
        assert managed(ordered) == expected
    else:
        assert [cell["cell_type"] for cell in managed(ordered)] == [cell["cell_type"] for cell in expected]
    assert all(not cell.get("outputs") for cell in ordered.cells)
    assert all("tags" not in cell.metadata for cell in ordered.cells)


def test_the_learners_own_words_stay_where_they_were(released: Any) -> None:
    submitted = nbformat.from_dict(json.loads(nbformat.writes(released)))
    submitted.cells[-1].source = "print('mine')"
    submitted.cells.insert(1, new_markdown_cell("my note"))
    ordered = put_in_order(submitted, released)
    assert ordered.cells[1].source == "my note"
    assert ordered.cells[-1].source == "print('mine')"


def test_a_copied_solution_cell_keeps_its_text_as_a_cell_of_the_learners(released: Any) -> None:
    submitted = nbformat.from_dict(json.loads(nbformat.writes(released)))
    copied = nbformat.from_dict(json.loads(json.dumps(submitted.cells[-1])))
    copied.source = "second thoughts"
    submitted.cells.append(copied)
    ordered = put_in_order(submitted, released)
    assert ordered.cells[-1].source == "second thoughts"
    assert "nbgrader" not in ordered.cells[-1].metadata


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "nope {",
            "[]",
            "null",
            "{}",
            '{"nbformat": 99, "cells": []}',
            "[" * 100_000,
            '{"cells": 3, "nbformat": 4}',
        ),
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1, null, {"cell_type": "sql"}, {"source": 1}]}',
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": [], "cells": [{"cell_type": "code", "source": ["a", 1]}]}',
        '{"nbformat": 4, "metadata": 1, "cells": [{"cell_type": "raw", "source": "\\ud800\\u0000"}]}',
        '{"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": "x", "outputs": []}]}]}',
        '{"nbformat": 2, "worksheets": 7}',
    ],
)
def test_any_file_becomes_the_labs_notebook(released: Any, text: str) -> None:
    ordered = put_in_order(read_notebook(text), released)
    nbformat.validate(ordered)
    nbformat.writes(ordered).encode()
    assert managed(ordered) == managed(released)
