"""A submitted notebook put in order, cell by cell: found by changing the code at random.

What such changes still survive changes nothing that can be seen: another name that no cell has where there is none,
and the case of a number's digits.
"""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from autograder.grading.put_in_order import put_in_order, read_notebook

READ = "*The submitted notebook could not be read; the files handed in with it were graded all the same.*"


def managed(make: Any, source: str, grade_id: str, **more: Any) -> Any:
    return make(source, metadata={"nbgrader": {"grade_id": grade_id, **more}})


def released() -> Any:
    words = managed(new_code_cell, "# yours", "words", solution=True)
    words.outputs = [new_output("stream", text="the instructor's")]
    words.execution_count = 3
    cells = [
        new_markdown_cell("# A lab"),
        managed(new_code_cell, "check()", "peak", grade=True, points=2),
        words,
        managed(new_markdown_cell, "tell", "essay", task=True),
    ]
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


def submitted(*cells: Any, **metadata: Any) -> Any:
    return nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)})


def ordered(*cells: Any) -> list[tuple[str, str, str]]:
    """Each cell's type, name and source, of a notebook that is sound in all its parts."""
    release = released()
    before = json.dumps(release)
    made = put_in_order(submitted(*cells, kernelspec={"name": "evil"}), release)
    nbformat.validate(made)
    assert json.dumps(release) == before
    assert made.metadata == release.metadata
    assert made.metadata is not release.metadata
    assert [cell.id for cell in made.cells] == [f"cell-{number}" for number in range(len(made.cells))]
    of = {cell.metadata.nbgrader.grade_id: cell.metadata for cell in release.cells if "nbgrader" in cell.metadata}
    found = []
    for cell in made.cells:
        name = cell.metadata.nbgrader.grade_id if "nbgrader" in cell.metadata else ""
        assert cell.metadata == (of[name] if name else {})
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
        else:
            assert not {"outputs", "execution_count"} & set(cell)
        found.append((cell.cell_type, name, cell.source))
    return found


PEAK, WORDS, ESSAY = ("code", "peak", "check()"), ("code", "words", "# yours"), ("markdown", "essay", "tell")


def test_of_nothing_becomes_what_was_released_without_what_nobody_manages() -> None:
    assert ordered() == [PEAK, WORDS, ESSAY]


def test_a_learner_s_words_stay_in_solutions_and_tasks_and_nowhere_else() -> None:
    cells = [
        managed(new_markdown_cell, "forged", "peak", points=9, solution=True),
        managed(new_code_cell, "my words", "words"),
        managed(new_code_cell, "my essay", "essay"),
    ]
    assert ordered(*cells) == [PEAK, ("code", "words", "my words"), ("markdown", "essay", "my essay")]


def test_second_copies_stay_only_where_a_learner_may_write_and_as_nobody_s() -> None:
    cells = [managed(new_code_cell, f"{name} {time}", name) for time in (1, 2) for name in ("peak", "words", "essay")]
    assert ordered(*cells) == [
        *(PEAK, ("code", "words", "words 1"), ("markdown", "essay", "essay 1")),
        *(("code", "", "words 2"), ("code", "", "essay 2")),
    ]


def test_what_is_missing_comes_back_behind_what_it_was_behind() -> None:
    note = new_markdown_cell("a note")
    assert ordered(note, managed(new_code_cell, "", "peak"), note) == [
        *(("markdown", "", "a note"), PEAK, WORDS, ESSAY, ("markdown", "", "a note"))
    ]
    assert ordered(note, managed(new_code_cell, "w", "words")) == [
        *(PEAK, ("markdown", "", "a note"), ("code", "words", "w"), ESSAY)
    ]
    assert ordered(note, managed(new_markdown_cell, "e", "essay")) == [
        *(PEAK, WORDS, ("markdown", "", "a note"), ("markdown", "essay", "e"))
    ]
    # in another order they stay in the learner's; what is missing goes behind the one before it in the release
    assert ordered(managed(new_markdown_cell, "e", "essay"), managed(new_code_cell, "", "peak"), note) == [
        *(("markdown", "essay", "e"), PEAK, WORDS, ("markdown", "", "a note"))
    ]


def test_a_learner_s_own_cells_stay_without_what_they_carried() -> None:
    own = new_code_cell("mine", metadata={"tags": ["skip"], "nbgrader": {"grade_id": "invented"}})
    own.outputs, own.execution_count = [new_output("stream", text="1000")], 7
    raw = nbformat.from_dict({"cell_type": "raw", "id": "x", "metadata": {}, "source": "raw"})
    assert ordered(own, raw)[-2:] == [("code", "", "mine"), ("raw", "", "raw")]


@pytest.mark.parametrize(
    "odd",
    [
        *(
            1,
            None,
            "text",
            [],
            {},
            {"cell_type": "sql", "source": "x"},
            {"source": "x"},
            {"cell_type": "code"} | {"source": 1},
        ),
        {"cell_type": "code", "source": None},
    ],
)
def test_what_is_no_cell_is_passed_over_and_what_comes_behind_it_is_not(odd: Any) -> None:
    assert ordered(odd, new_markdown_cell("a note")) == [PEAK, WORDS, ESSAY, ("markdown", "", "a note")]


@pytest.mark.parametrize(
    ("cell", "source"),
    [
        ({"cell_type": "markdown"}, ""),
        ({"cell_type": "markdown", "source": ["a", 1, "b"]}, "ab"),
        ({"cell_type": "markdown", "source": "\x00a\x08\tb\n\x0b\x0c\r\x0e\x1f\ud800\udfff\ue000 \x7f"}, None),
    ],
)
def test_a_text_is_made_fit_to_write(cell: dict[str, Any], source: str | None) -> None:
    wanted = "�a�\tb\n��\r����\ue000 \x7f" if source is None else source
    assert ordered(cell)[-1] == ("markdown", "", wanted)


@pytest.mark.parametrize(
    "metadata",
    [None, 7, [], {"nbgrader": None}, {"nbgrader": []}, {"nbgrader": {}}, {"nbgrader": {"grade_id": ["peak"]}}],
)
def test_odd_metadata_makes_a_cell_nobody_s(metadata: Any) -> None:
    cell = {"cell_type": "markdown", "source": "mine", "metadata": metadata}
    assert ordered(cell)[-1] == ("markdown", "", "mine")


def test_a_thousand_cells_are_read() -> None:
    made = ordered(*(new_markdown_cell(str(number)) for number in range(1001)))
    assert [source for _, name, source in made if not name] == [str(number) for number in range(1000)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"cells": {}, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "it has no cells"),
        ('{"cells": 3, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "TypeError: 'int' object is not iterable"),
        ("nope", "NotJSONError: Notebook does not appear to be JSON: 'nope'"),
        (json.dumps({"nbformat": "\x01" * 400}), "NBFormatError: Unsupported nbformat version ".ljust(200, "\ufffd")),
    ],
)
def test_a_notebook_that_cannot_be_read_says_why(text: str, reason: str) -> None:
    made = read_notebook(text)
    nbformat.validate(made)
    assert [(cell.cell_type, cell.source) for cell in made.cells] == [("markdown", f"{READ}\n\n```\n{reason}\n```")]


def test_one_that_can_be_read_is_as_it_was() -> None:
    made = read_notebook(nbformat.writes(submitted(new_markdown_cell("a note", id="a"))))
    assert [(cell.id, cell.source) for cell in made.cells] == [("a", "a note")]
    old = read_notebook(
        '{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [], "metadata": {}}]}'
    )
    assert (old.nbformat, old.cells) == (4, [])
