"""What there is to do in a lab: the words its notebook begins with, for whoever has no notebook open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from autograder.notebook.course_pages import address_of

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.labs.lab import Lab

_OWN_LINE: Final = ("|", "#", "- ")
"""What begins a line that is none of a paragraph: a row, a heading, an item."""


def task_of(lab: Lab, folder: Path) -> str:
    """The story and the goal as this learner has them, which files count, and where there is more to read.

    A paragraph is one line, for whoever shows it to wrap.

    ``folder`` has the learner's files. The words are those of the lab's notebook, not of the learner's copy of it: that
    one may be edited, or not be there.

    Raises:
        OSError: the lab's notebook cannot be read.
    """
    words = lab.rewriting.text(_first_cell(lab.notebook.read_text(encoding="utf-8")))
    lines = [line for line in _whole_lines(words) if not re.fullmatch(r"\|[ |:-]+\|", line)]
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


def _whole_lines(text: str) -> list[str]:
    """The lines of a Markdown text, with those of a paragraph or of an item put together."""
    lines: list[str] = []
    for line in text.splitlines():
        goes_on = (
            line and not line.startswith(_OWN_LINE) and lines and lines[-1] and not lines[-1].startswith(("|", "#"))
        )
        if goes_on:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return lines
