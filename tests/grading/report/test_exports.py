"""Grades for other gradebooks: the formats, names of all kinds, and cells that spreadsheets must not run."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.errors import ManyHandsError
from autograder.grading.classreport.entries import ClassWork
from autograder.grading.classreport.plain import as_csv
from autograder.grading.classreport.summary import summarise
from autograder.grading.export import export
from autograder.grading.export_cells import safe_cell, write_csv
from autograder.grading.export_roster import Person, Roster, read_roster
from autograder.grading.export_scores import Score
from tests.grading.report.classes import LAB, a_class, entry

SCORES = (
    Score("zoe", 8.5, 10.0, late=1.0, name="Zoë Ångström", email="zoe@uni.example"),
    Score("ab12", 10.0, 10.0),
    Score("li@uni.example", 0.0, 10.0, waiting=True, name="李 小龙"),
)
ROSTER = Roster(
    [
        Person("zoe", "Ångström, Zoë", "z@uni.example", "zoe", "4711", "S-1", "Monday", "123456"),
        Person("AB12", "Bond, Anna", "ab@uni.example", "ab12@uni", "", "S-2", "Tuesday", "123457"),
    ]
)


def rows(text: str) -> list[list[str]]:
    """The file as a program reads it."""
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))


def test_canvas_gets_its_columns_and_its_row_of_points() -> None:
    made = export("canvas", SCORES, lab="spread-the-load", item="Spread the load (99)", roster=ROSTER)
    assert rows(made.text) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Spread the load (99)"],
        ["Points Possible", "", "", "", "", "10"],
        ["Bond, Anna", "", "S-2", "ab12@uni", "Tuesday", "10"],
        ["李 小龙", "", "", "li@uni.example", "", "0"],
        ["Ångström, Zoë", "4711", "S-1", "zoe", "Monday", "8.5"],
    ]
    assert made.text.startswith("Student,ID,")
    assert any("not in the roster" in note and "li@uni.example" in note for note in made.notes)
    assert any("graded by hand" in note for note in made.notes)


def test_moodle_gets_whom_it_can_find_and_feedback_beside_the_grade() -> None:
    made = export("moodle", SCORES, lab="x", item="Lab 2", roster=ROSTER, feedback={"zoe": "peak: not yet (0 of 2)"})
    table = rows(made.text)
    assert table[0] == ["Username", "ID number", "Email address", "Full name", "Lab 2 (Real)", "Lab 2 (Feedback)"]
    assert table[-1] == ["zoe", "123456", "z@uni.example", "Ångström, Zoë", "8.5", "peak: not yet (0 of 2)"]
    assert table[2][2] == "li@uni.example"


def test_moodle_is_told_who_cannot_be_found() -> None:
    made = export("moodle", SCORES, lab="x", item="Lab 2")
    assert [note for note in made.notes if "neither email" in note] == [
        "neither email address nor ID number: map by username, or give a --roster: ab12"
    ]


def test_the_plain_file_is_for_people_with_spreadsheets() -> None:
    made = export("csv", SCORES, lab="spread-the-load", item="ignored")
    assert made.text.startswith("\ufeffstudent,")
    assert rows(made.text)[3] == ["zoe", "Zoë Ångström", "zoe@uni.example", "spread-the-load", "8.5", "10", "1", "no"]
    assert "\r\n" in made.text


def test_who_has_no_grade_is_left_out_and_counted() -> None:
    made = export("canvas", SCORES[:1], lab="x", item="x", missing=3, earlier=["zoe"])
    assert len(rows(made.text)) == 3
    assert any(note.startswith("3 students have handed in and no grade") for note in made.notes)
    assert any("earlier submission: zoe" in note for note in made.notes)


EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/c calc'!A1", "\t=1", "\r=1", " =1", "＝1", '"=1', "=\u202e1", "\n@x"]


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("platform", ["canvas", "moodle", "csv"])
def test_no_cell_is_a_formula(platform: str, name: str) -> None:
    roster = Roster([Person(name, name, name, name, name, name, name, name)])
    made = export(platform, [Score(name, 1.0, 2.0)], lab="x", item=name, roster=roster, feedback={name: name})  # type: ignore[arg-type]
    for row in rows(made.text):
        for cell in row:
            assert cell.strip()[:1] not in set("=+-@＝＋－＠\t\r\n")
            assert "\u202e" not in cell


def test_who_got_an_apostrophe_is_named() -> None:
    made = export("canvas", [Score("=x", 1.0, 2.0), Score("y", 1.0, 2.0)], lab="x", item="x")
    assert [note for note in made.notes if "apostrophe" in note] == [
        "looks like a formula and got an apostrophe before it; enter the grade by hand: '=x"
    ]


@settings(deadline=None)
@given(st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=4), min_size=1, max_size=5))
def test_any_text_comes_back_on_one_line_a_row(table: list[list[str]]) -> None:
    text = write_csv(table, bom=False)
    assert rows(text) == [[safe_cell(cell) for cell in row] for row in table]
    assert text.count("\r\n") == len(table)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows(text) for cell in row)


def test_the_class_as_csv_is_a_row_a_student() -> None:
    entries = [entry(work.student, *work.attempts[-1][:2]) for work in a_class(30)]
    table = rows(as_csv(summarise(ClassWork(LAB, (*entries, entry("=evil", "weight-kept"))))))
    assert len(table) == 32
    assert len({len(row) for row in table}) == 1
    assert table[1][0] == "'=evil"
    assert dict(zip(table[0], table[1], strict=True))["mistakes"] == "weight-skew"
    assert dict(zip(table[0], table[1], strict=True))["first open check"] == "spread"


# --- the roster ---------------------------------------------------------------------------------------------------


def roster(tmp_path: Path, text: str, encoding: str = "utf-8") -> Roster:
    path = tmp_path / "students.csv"
    path.write_bytes(text.encode(encoding))
    return read_roster(path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_roster_is_read_by_its_headings(tmp_path: Path, separator: str) -> None:
    text = "\ufeffE-Mail;Name;ID;Section\r\nz@x;Zoë;zoe;1\r\n\r\n".replace(";", separator)
    assert roster(tmp_path, text).find("zoe") == Person("zoe", "Zoë", "z@x", "", section="1")


def test_canvas_s_own_export_is_a_roster(tmp_path: Path) -> None:
    text = (
        "Student,ID,SIS User ID,SIS Login ID,Section,Old lab (12)\n    Points Possible,,,,,10\n"
        '"Ångström, Zoë",4711,S-1,zoe,Monday,7\n"=""=evil""",4712,S-2,eve,Monday,\n'
    )
    found = roster(tmp_path, text)
    assert len(found) == 2
    assert found.find("zoe") == Person("zoe", "Ångström, Zoë", "", "zoe", "4711", "S-1", "Monday")
    person = found.find("eve")
    assert person is not None
    assert person.name == "=evil"


def test_moodle_s_list_of_participants_is_a_roster(tmp_path: Path) -> None:
    found = roster(tmp_path, "First name,Last name,Username,ID number,Email address\nZoë,Ångström,zoe,123,z@x\n")
    assert found.find("zoe") == Person("zoe", "Zoë Ångström", "z@x", "zoe", number="123")


def test_names_are_found_in_any_case_and_unicode_form(tmp_path: Path) -> None:
    found = roster(tmp_path, "id,name\nZoe\u0308,Zoë\n")
    assert found.find("zoë") is not None
    assert found.find("zoe") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("name,email\nZoë,z@x\n", "no column of the students' ids"),
        ("id,name\na,A\nb,B\na,C\n", "'a' twice"),
        ('id,name\n"a,A\n', "no CSV"),
        ("id\n\ud800".encode("utf-16", "surrogatepass").decode("latin-1"), "not UTF-8|no column"),
    ],
)
def test_a_roster_that_is_none_is_refused_kindly(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ManyHandsError, match=said):
        roster(tmp_path, text, "latin-1" if "ÿ" in text else "utf-8")


def test_a_roster_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ManyHandsError, match="cannot be read"):
        read_roster(tmp_path / "none.csv")
