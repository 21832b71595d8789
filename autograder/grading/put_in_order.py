"""A submitted notebook as the instructor released it, with the learner's words in their places.

Grading takes nothing from a submitted notebook, so whatever happened to it (cells deleted, copied, retyped, metadata
of another version, forged outputs, tags) must neither earn nor cost a point. Instead of checking what a learner may
have changed, the notebook is built anew: every cell the instructor manages comes from the release, once; the learner's
own text is put back where it may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

import nbformat
from nbformat.notebooknode import NotebookNode as _Node

# nbformat carries no types.
_v4: Any = nbformat.v4
_reads: Any = nbformat.reads
NotebookNode: Any = _Node

_KINDS: Final = ("code", "markdown", "raw")
_CELLS_LIMIT: Final = 1000


def read_notebook(text: str) -> Any:
    """The notebook in ``text``, or an empty one that says it could not be read. Never raises for its contents."""
    try:
        notebook = _reads(text, as_version=4)
        if isinstance(notebook.cells, list):
            return notebook
        reason = "it has no cells"
    except Exception as error:  # nbformat raises whatever the contents make its converters trip over
        reason = f"{type(error).__name__}: {error}"[:200]
    note = "*The submitted notebook could not be read; the files handed in with it were graded all the same.*"
    cells = [_v4.new_markdown_cell(f"{note}\n\n```\n{_plain(reason)}\n```")]
    return _v4.new_notebook(cells=cells)


def put_in_order(submitted: Any, released: Any) -> Any:
    """``released`` with the learner's own cells and the text of the cells they were to fill in.

    Managed cells appear once each, with the instructor's type, metadata and (unless a learner was to write there)
    source. Outputs, tags and every other metadata of the submission are dropped.
    """
    managed = {_grade_id(cell): cell for cell in released.cells if _grade_id(cell)}
    order = list(managed)
    seen: set[str] = set()
    fresh: list[Any] = []
    for cell in _readable(submitted):
        grade_id = _grade_id(cell)
        if grade_id in managed and grade_id not in seen:
            seen.add(grade_id)
            fresh.append(_restored(managed[grade_id], cell["source"]))
        elif grade_id in managed and not _is_solution(managed[grade_id]):
            continue  # a second copy of a cell that is the instructor's says nothing new
        else:
            fresh.append(_own(cell))
    for position, grade_id in enumerate(order):
        if grade_id not in seen:
            # After the managed cell that comes before it in the release; that one is there by now.
            before = order[position - 1] if position else ""
            place = next((index + 1 for index, cell in enumerate(fresh) if before and _grade_id(cell) == before), 0)
            fresh.insert(place, _restored(managed[grade_id], managed[grade_id].source))
    for index, cell in enumerate(fresh):
        cell["id"] = f"cell-{index}"
    return _v4.new_notebook(cells=fresh, metadata=deepcopy(released.metadata))


def _readable(notebook: Any) -> Iterator[dict[str, Any]]:
    """The cells that are cells: a known type, a text."""
    for cell in notebook.cells[:_CELLS_LIMIT]:
        if not isinstance(cell, Mapping) or cell.get("cell_type") not in _KINDS:
            continue
        source = cell.get("source", "")
        if isinstance(source, list):
            source = "".join(part for part in source if isinstance(part, str))
        if isinstance(source, str):
            yield {**cell, "source": _plain(source)}


def _plain(text: str) -> str:
    """Lone surrogates and control characters cannot be written to a file or a page."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]", "\ufffd", text)


def _grade_id(cell: Mapping[str, Any]) -> str:
    """The id nbgrader knows a managed cell by; empty for any other cell, however odd its metadata."""
    metadata = cell.get("metadata")
    ours = metadata.get("nbgrader") if isinstance(metadata, Mapping) else None
    if not isinstance(ours, Mapping):
        return ""
    grade_id: Any = ours.get("grade_id")
    return grade_id if isinstance(grade_id, str) else ""


def _is_solution(cell: Any) -> bool:
    return bool(cell.metadata.nbgrader.get("solution") or cell.metadata.nbgrader.get("task"))


def _restored(master: Any, source: str) -> Any:
    cell = deepcopy(master)
    if _is_solution(master):
        cell["source"] = source
    if cell.cell_type == "code":
        cell["outputs"] = []
        cell["execution_count"] = None
    return cell


def _own(cell: Mapping[str, Any]) -> Any:
    fresh = {"cell_type": cell["cell_type"], "metadata": {}, "source": cell["source"]}
    return NotebookNode(fresh | ({"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}))
