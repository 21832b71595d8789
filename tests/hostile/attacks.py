"""What learners did to stock nbgrader, and more: each function changes a submission's folder."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

from tests.grading.course import LAB, read

Attack = Callable[[Path], None]
NOTEBOOK = f"{LAB}.ipynb"
HUGE = 3 * 2**30


def _change(folder: Path, change: Callable[[Any], None]) -> None:
    """Change the notebook's cells that nbgrader manages."""
    notebook = read(folder / NOTEBOOK)
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            change(cell)
    (folder / NOTEBOOK).write_text(json.dumps(notebook))


def skip_execution(folder: Path) -> None:
    _change(folder, lambda cell: cell.metadata.update(tags=["skip-execution"]))


def forged_outputs(folder: Path) -> None:
    result = {"output_type": "execute_result", "data": {"text/plain": "3.0"}, "metadata": {}, "execution_count": 1}
    _change(folder, lambda cell: cell.update(outputs=[result], execution_count=1))


def more_points(folder: Path) -> None:
    _change(folder, lambda cell: cell.metadata.nbgrader.update(points=1000))


def negative_points(folder: Path) -> None:
    _change(folder, lambda cell: cell.metadata.nbgrader.update(points=-5))


def points_not_a_number(folder: Path) -> None:
    _change(folder, lambda cell: cell.metadata.nbgrader.update(points=float("nan")))


def grade_cells_made_solutions(folder: Path) -> None:
    _change(folder, lambda cell: cell.metadata.nbgrader.update(solution=True, locked=False))


def grade_cells_made_text(folder: Path) -> None:
    _change(folder, lambda cell: cell.update(cell_type="markdown"))


def grade_cells_deleted(folder: Path) -> None:
    notebook = read(folder / NOTEBOOK)
    notebook.cells = [cell for cell in notebook.cells if "nbgrader" not in cell.metadata]
    nbformat.write(notebook, folder / NOTEBOOK)


def grade_cells_copied(folder: Path) -> None:
    notebook = read(folder / NOTEBOOK)
    notebook.cells = notebook.cells * 5
    (folder / NOTEBOOK).write_text(json.dumps(notebook))


def cell_invented(folder: Path) -> None:
    notebook = read(folder / NOTEBOOK)
    ours = {"grade": True, "solution": False, "locked": True, "grade_id": "bonus", "points": 50, "schema_version": 3}
    notebook.cells.append(nbformat.v4.new_code_cell("50", metadata={"nbgrader": ours}))
    nbformat.write(notebook, folder / NOTEBOOK)


def other_schema(folder: Path) -> None:
    _change(folder, lambda cell: cell.metadata.nbgrader.update(schema_version=99))


def older_schema(folder: Path) -> None:
    _change(folder, lambda cell: cell.metadata.nbgrader.update(schema_version=1))


def other_kernel(folder: Path) -> None:
    notebook = read(folder / NOTEBOOK)
    notebook.metadata.kernelspec = {"name": "evil", "display_name": "evil", "language": "evil"}
    nbformat.write(notebook, folder / NOTEBOOK)


def code_that_would_act(folder: Path) -> None:
    notebook = read(folder / NOTEBOOK)
    code = f"from pathlib import Path\nPath({str(folder.parents[2] / 'ACTED')!r}).write_text('ran')"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(code))
    nbformat.write(notebook, folder / NOTEBOOK)


def modules_beside_the_notebook(folder: Path) -> None:
    code = f"open({str(folder.parents[2] / 'ACTED')!r}, 'w').write('imported')"
    for name in ("autograder", "sitecustomize", "nbformat", "json", "conftest"):
        (folder / f"{name}.py").write_text(code)


def settings_of_their_own(folder: Path) -> None:
    code = f"open({str(folder.parents[2] / 'ACTED')!r}, 'w').write('configured')"
    for name in ("nbgrader_config.py", "jupyter_config.py", "ipython_config.py"):
        (folder / name).write_text(code)


def gradebook_of_their_own(folder: Path) -> None:
    with sqlite3.connect(folder / "gradebook.db") as book:
        book.execute("create table grade (auto_score float)")
    book.close()


def notebook_not_json(folder: Path) -> None:
    (folder / NOTEBOOK).write_bytes(b"\xff\xfe not json {")


def notebook_of_brackets(folder: Path) -> None:
    (folder / NOTEBOOK).write_text("[" * 200_000)


def notebook_huge(folder: Path) -> None:
    with (folder / NOTEBOOK).open("wb") as file:
        file.truncate(HUGE)


def notebook_is_a_link(folder: Path) -> None:
    (folder / NOTEBOOK).unlink()
    (folder / NOTEBOOK).symlink_to("/etc/passwd")


def notebook_is_a_folder(folder: Path) -> None:
    (folder / NOTEBOOK).unlink()
    (folder / NOTEBOOK / "inner").mkdir(parents=True)


def no_notebook(folder: Path) -> None:
    (folder / NOTEBOOK).unlink()


def conf_is_a_link(folder: Path) -> None:
    (folder / "conf" / "nginx.conf").unlink()
    (folder / "conf" / "nginx.conf").symlink_to("/etc/passwd")


def conf_folder_is_a_link(folder: Path) -> None:
    (folder / "conf" / "nginx.conf").unlink()
    (folder / "conf").rmdir()
    (folder / "conf").symlink_to("/etc")


def conf_is_the_reference(folder: Path) -> None:
    """A link to the instructor's own solution."""
    from autograder.labs.catalogue import load_lab

    (folder / "conf" / "nginx.conf").unlink()
    (folder / "conf" / "nginx.conf").symlink_to(load_lab(LAB).reference / "conf" / "nginx.conf")


def conf_is_a_pipe(folder: Path) -> None:
    (folder / "conf" / "nginx.conf").unlink()
    os.mkfifo(folder / "conf" / "nginx.conf")


def conf_is_huge(folder: Path) -> None:
    with (folder / "conf" / "nginx.conf").open("ab") as file:
        file.truncate(HUGE)


def pipes_and_links_beside(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "shadow").symlink_to("/etc/shadow")
    (folder / "up").symlink_to(folder.parents[2])
    (folder / "loop").symlink_to(folder)


def many_files(folder: Path) -> None:
    (folder / "many").mkdir()
    for number in range(2000):
        (folder / "many" / str(number)).write_bytes(b"")


def times_that_are_none(folder: Path) -> None:
    (folder / "timestamp.txt").write_text("a long time ago")


def records_of_their_own(folder: Path) -> None:
    (folder / "records" / LAB).mkdir(parents=True)
    (folder / "refused.json").write_text('[{"path": ["x"], "reason": {}}]')


def script_in_the_words(folder: Path) -> None:
    notebook = read(folder / NOTEBOOK)
    words = "<script>alert('ACTED')</script><img src=x onerror=alert(1)>[x](javascript:alert(2))"
    notebook.cells.append(nbformat.v4.new_markdown_cell(words))
    notebook.cells.append(nbformat.v4.new_raw_cell(words))
    nbformat.write(notebook, folder / NOTEBOOK)


ATTACKS: tuple[Attack, ...] = (
    *(skip_execution, forged_outputs, more_points, negative_points, points_not_a_number, grade_cells_made_solutions),
    *(grade_cells_made_text, grade_cells_deleted, grade_cells_copied, cell_invented, other_schema, older_schema),
    *(other_kernel, code_that_would_act, modules_beside_the_notebook, settings_of_their_own, gradebook_of_their_own),
    *(notebook_not_json, notebook_of_brackets, notebook_huge, notebook_is_a_link, notebook_is_a_folder, no_notebook),
    *(
        conf_is_a_link,
        conf_folder_is_a_link,
        conf_is_the_reference,
        conf_is_a_pipe,
        conf_is_huge,
        pipes_and_links_beside,
    ),
    *(many_files, times_that_are_none, records_of_their_own, script_in_the_words),
)
MISHAPS: tuple[Attack, ...] = (
    *(skip_execution, grade_cells_made_text, grade_cells_deleted, grade_cells_copied, other_schema, older_schema),
    *(other_kernel, notebook_not_json, no_notebook, many_files, times_that_are_none),
)
"""What happens to honest learners too: a clumsy hand, another tool, another version."""
