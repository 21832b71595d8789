"""A submitted notebook, whatever has become of it."""

from __future__ import annotations

import functools
import json
import warnings
from typing import Any

from tests.fuzz import harness


@functools.cache
def _released() -> Any:
    from nbformat import v4

    def cell(grade_id: str, **more: bool) -> Any:
        says = {"schema_version": 3, "grade_id": grade_id, "grade": False, "solution": False, "locked": False, **more}
        return v4.new_code_cell(f"# {grade_id}", metadata={"nbgrader": says})

    cells = [cell("task", locked=True), cell("answer", solution=True), cell("check", grade=True, locked=True)]
    return v4.new_notebook(cells=[v4.new_markdown_cell("Hello"), *cells])


def one(data: bytes) -> None:
    """It is read without harm, and what is put in order can be written, with every cell of the instructor's once."""
    import nbformat

    from autograder.grading.put_in_order import put_in_order, read_notebook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notebook = put_in_order(read_notebook(data.decode("utf-8", "replace")), _released())
        text = nbformat.writes(notebook)
        text.encode()
        nbformat.validate(notebook)
    ids = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in json.loads(text)["cells"]]
    assert [name for name in ids if name in ("task", "check")].count("task") == 1
    assert ids.count("check") == ids.count("answer") == 1


if __name__ == "__main__":
    harness.main("notebook")
