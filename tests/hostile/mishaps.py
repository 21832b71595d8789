"""What happens to honest learners: a clumsy hand, another editor, another tool. Their work deserves every point."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import nbformat

from tests.grading.course import read
from tests.hostile.attacks import (
    NOTEBOOK,
    grade_cells_copied,
    grade_cells_deleted,
    grade_cells_made_text,
    many_files,
    no_notebook,
    notebook_not_json,
    older_schema,
    other_kernel,
    other_schema,
    skip_execution,
    times_that_are_none,
)
from tests.hostile.corpus import Attack, attack

CONF = "conf/nginx.conf"


def _conf(folder: Path) -> bytes:
    return (folder / CONF).read_bytes()


def copied_cell(folder: Path) -> None:
    """A graded cell was copied."""
    notebook = read(folder / NOTEBOOK)
    notebook.cells += [cell for cell in notebook.cells if "nbgrader" in cell.metadata][-2:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two cells with one id, which is the mishap
        (folder / NOTEBOOK).write_text(json.dumps(notebook))


def warnings_in_outputs(folder: Path) -> None:
    """The learner's run showed warnings, which cost points in stock nbgrader."""
    notebook = read(folder / NOTEBOOK)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", name="stderr", text="DeprecationWarning: soon")]
    nbformat.write(notebook, folder / NOTEBOOK)


def renamed_notebook(folder: Path) -> None:
    """The notebook was saved under another name."""
    (folder / NOTEBOOK).rename(folder / "Spread the load (final) 2.ipynb")


def notebook_with_mark(folder: Path) -> None:
    """An editor put a byte order mark before the notebook."""
    (folder / NOTEBOOK).write_bytes(b"\xef\xbb\xbf" + (folder / NOTEBOOK).read_bytes())


def notebook_in_utf_16(folder: Path) -> None:
    """An editor saved the notebook in UTF-16."""
    (folder / NOTEBOOK).write_bytes((folder / NOTEBOOK).read_text().encode("utf-16"))


def windows_line_ends(folder: Path) -> None:
    """An editor ended every line in CR LF."""
    for name in (NOTEBOOK, CONF):
        (folder / name).write_bytes((folder / name).read_bytes().replace(b"\n", b"\r\n"))


def conf_with_mark(folder: Path) -> None:
    """An editor put a byte order mark before the config."""
    (folder / CONF).write_bytes(b"\xef\xbb\xbf" + _conf(folder))


def conf_in_utf_16(folder: Path) -> None:
    """An editor saved the config in UTF-16."""
    (folder / CONF).write_bytes(_conf(folder).decode().encode("utf-16"))


def no_last_line_end(folder: Path) -> None:
    """The config's last line does not end."""
    (folder / CONF).write_bytes(_conf(folder).rstrip())


def conf_in_a_subfolder(folder: Path) -> None:
    """The config is one folder too deep."""
    (folder / "my work" / "conf").mkdir(parents=True)
    (folder / CONF).rename(folder / "my work" / CONF)


def conf_beside_the_notebook(folder: Path) -> None:
    """The config is beside the notebook, not in its folder."""
    (folder / CONF).rename(folder / "nginx.conf")


def space_after_the_name(folder: Path) -> None:
    """The config's name ends in a space."""
    (folder / CONF).rename(folder / "conf" / "nginx.conf ")


def name_in_capitals(folder: Path) -> None:
    """The config's name is in capitals and ends in .txt."""
    (folder / CONF).rename(folder / "conf" / "NGINX.conf.txt")


def files_beside(folder: Path) -> None:
    """There are other files: a backup, a note, a picture, an editor's leavings."""
    (folder / "conf" / "nginx.conf~").write_bytes(b"events {}")
    (folder / "conf" / "nginx.conf.bak").write_bytes(b"events {}")
    (folder / "notes.txt").write_text("ask about hashing")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "._nginx.conf").write_bytes(b"\0\5\26\7")


def read_only_cells_edited(folder: Path) -> None:
    """Cells that are not to be edited were edited."""
    notebook = read(folder / NOTEBOOK)
    for cell in notebook.cells:
        cell.source += "\n# what does this do?"
    nbformat.write(notebook, folder / NOTEBOOK)


_KNOWN = (
    (skip_execution, "Cells were tagged skip-execution by another tool"),
    (grade_cells_made_text, "Graded cells were made text by a slip of the hand"),
    (grade_cells_deleted, "Graded cells were deleted by a slip of the hand"),
    (grade_cells_copied, "All cells were pasted several times"),
    (other_schema, "A newer nbgrader wrote the notebook"),
    (older_schema, "An older nbgrader wrote the notebook"),
    (other_kernel, "The notebook was run in another kernel"),
    (notebook_not_json, "The notebook was broken when it was saved"),
    (no_notebook, "The notebook was lost"),
    (many_files, "There are thousands of other files"),
    (times_that_are_none, "The time of submission cannot be read"),
)
_OTHERS = (
    *(copied_cell, warnings_in_outputs, renamed_notebook, notebook_with_mark, notebook_in_utf_16, windows_line_ends),
    *(conf_with_mark, conf_in_utf_16, no_last_line_end, conf_in_a_subfolder, conf_beside_the_notebook),
    *(space_after_the_name, name_in_capitals, files_beside, read_only_cells_edited),
)
MISHAPS: tuple[Attack, ...] = (
    *(replace(attack(change), tries=words) for change, words in _KNOWN),
    *map(attack, _OTHERS),
)
CHANGE_THE_CONFIG = ("windows-line-ends", "conf-with-mark", "conf-in-utf-16", "no-last-line-end")
"""Those that must be shown with a config that is really run."""
