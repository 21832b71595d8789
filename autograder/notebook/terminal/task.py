"""What there is to do in a lab: the words its notebook begins with, for whoever has no notebook open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.notebook.course_pages import address_of

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.labs.lab import Lab


def task_of(lab: Lab, folder: Path) -> str:
    """The story and the goal as this learner has them, which files count, and where there is more to read.

    ``folder`` has the learner's files. The words are those of the lab's notebook, not of the learner's copy of it: that
    one may be edited, or not be there.

    Raises:
        OSError: the lab's notebook cannot be read.
    """
    words = lab.rewriting.text(_first_cell(lab.notebook.read_text(encoding="utf-8")))
    lines = [line for line in words.splitlines() if not re.fullmatch(r"\|[ |:-]+\|", line)]
    more = ["Here: " + ", ".join(str(folder / name) for name in lab.files)]
    guide = folder / f"{lab.slug}.ipynb"
    more += [f"Step by step: {guide}, in JupyterLab (./manyhands up)"] if guide.is_file() else []
    page = address_of(lab.module)
    more += [f"To read first: {page}"] if page else []
    return "\n".join([*lines, "", *more]).replace("**", "")


def _first_cell(notebook: str) -> str:
    """The text of the first Markdown cell of a notebook that is kept as a program."""
    _, _, after = notebook.partition("# %% [markdown]")
    cell = after.partition("\n")[2].partition("\n# %%")[0]
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in cell.splitlines()).strip()
