"""Rosters and scores, every field and every word of a refusal: found by changing the code at random.

What such changes still survive changes nothing that can be seen: the case of a codec's name, the line ends that
Python's csv module has untold, how often a text is split of which only the first part counts, and words for an error
of the system that has none.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from autograder.errors import ManyHandsError
from autograder.grading.export_cells import safe_cell, write_csv
from autograder.grading.export_roster import Person, Roster, read_roster
from autograder.grading.export_scores import Score, gradebook_scores, gradebook_url, scores_in
from autograder.grading.settings import Places


def roster(tmp_path: Path, text: str | bytes) -> Roster:
    path = tmp_path / "students.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_roster(path)


def refusal(tmp_path: Path, text: str | bytes) -> ManyHandsError:
    with pytest.raises(ManyHandsError) as caught:
        roster(tmp_path, text)
    return caught.value


def told(error: ManyHandsError) -> tuple[str, str, str, str]:
    return error.what, Path(error.where).name, error.why, error.remedy


# --- cells ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        *(("  =1", "'=1"), ("a  b\n c", "a b c"), ("", ""), ("-", "'-"), ("a=b", "a=b"), ("\t x", "'x")),
        *(
            ("\r\n", "'�"),
            ("＠x", "'＠x"),
            ("'=x", "'=x"),
            ("\x1b[31m=x", "'=x"),
            ("\u00a0=x", "'=x"),
            ("\u3000 +1", "'+1"),
            (" \tx", "'x"),
            ("X=1", "X=1"),
        ),
    ],
)
def test_a_cell_is_made_safe(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


def test_numbers_stay_numbers_and_nothing_stays_empty() -> None:
    assert (
        write_csv([["=a", 1, -2.5, None], ['b"', 0, "", "c,d"]], bom=False) == "'=a,1,-2.5,\r\n" + '"b""",0,,"c,d"\r\n'
    )
    assert write_csv([["a"]], bom=True) == "\ufeffa\r\n"


# --- rosters --------------------------------------------------------------------------------------------------------


def test_each_column_of_a_roster_has_a_field(tmp_path: Path) -> None:
    heading = " Student_ID ,Full_ Name,E-Mail Address?,email,Login ID,Canvas ID,SIS ID,Group,Matriculation Number"
    found = roster(tmp_path, f"{heading}\nzoe,Zoë Å,x,z@x,zl,4711,S-1,Mon,123\n")
    assert found.find("zoe") == Person("zoe", "Zoë Å", "z@x", "zl", "4711", "S-1", "Mon", "123")


def test_only_what_has_both_of_canvas_s_columns_is_canvas_s(tmp_path: Path) -> None:
    assert roster(tmp_path, "Student,ID\nZoë,zoe\n").find("zoe") == Person("zoe", "Zoë")
    assert roster(tmp_path, "ID,SIS Login ID\nzoe,z\n").find("zoe") == Person("zoe", login="z")


def test_first_and_last_names_make_a_name_where_there_is_none(tmp_path: Path) -> None:
    found = roster(tmp_path, "id,Last name,First name\nzoe,Å,Zoë\nbo,,Bo\nli,Li\neve\n")
    names = {name: person.name for name in ("zoe", "bo", "li", "eve") if (person := found.find(name))}
    assert names == {"zoe": "Zoë Å", "bo": "Bo", "li": "Li", "eve": ""}


def test_a_short_line_lacks_fields_and_one_that_canvas_writes_is_nobody(tmp_path: Path) -> None:
    found = roster(tmp_path, "name,id,email\nPoints Possible,x,\nZoë,zoe\n,,nobody@x\n\nBo,bo,b@x\n")
    assert len(found) == 2
    assert found.find("zoe") == Person("zoe", "Zoë")
    assert found.find("bo") == Person("bo", "Bo", "b@x")


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("'=x", "=x"),
        ("'+x", "+x"),
        ("'-x", "-x"),
        ("'@x", "@x"),
        ("'x", "'x"),
        ("'Xx", "'Xx"),
        ("'=", "="),
        ("'", "'"),
        ('"=""x"""', "x"),
        ('"=""x"', '="x'),
        ('"x"""', 'x"'),
        ("  y  ", "y"),
        ("=x", "=x"),
    ],
)
def test_what_others_put_around_a_formula_is_taken_away(tmp_path: Path, cell: str, name: str) -> None:
    found = roster(tmp_path, f"id,name\nzoe,{cell}\n").find("zoe")
    assert found is not None
    assert found.name == name


def test_the_exact_name_is_found_before_one_in_another_case(tmp_path: Path) -> None:
    found = roster(tmp_path, "id,name\nzoe,small\nZOE,big\n")
    assert [person.name for name in ("zoe", "ZOE") if (person := found.find(name))] == ["small", "big"]
    assert found.find("bob") is None


def test_a_cell_may_hold_a_line_end(tmp_path: Path) -> None:
    found = roster(tmp_path, 'id,name\nzoe,"Zoë\nÅ"\nbo,Bo\n')
    assert [person.name for name in ("zoe", "bo") if (person := found.find(name))] == ["Zoë\nÅ", "Bo"]


def test_the_separator_is_the_one_that_the_first_line_has_most_of(tmp_path: Path) -> None:
    assert roster(tmp_path, "id;name;Section, old\nzoe;Å, Zoë;1\nbo;B,o;2\n").find("zoe") == Person("zoe", "Å, Zoë")


def test_what_later_lines_are_full_of_separates_nothing(tmp_path: Path) -> None:
    found = roster(tmp_path, "id;name\nzoe;a,b,c,d,e,f\nbo;B\n")
    assert [person.name for name in ("zoe", "bo") if (person := found.find(name))] == ["a,b,c,d,e,f", "B"]


def test_refusals_name_place_reason_and_remedy(tmp_path: Path) -> None:
    name = "students.csv"
    remedy = "its first line names the columns: id,name,email"
    assert told(refusal(tmp_path, "")) == ("the roster is empty", name, "", remedy)
    what, where, why, remedy = told(refusal(tmp_path, b"id\n\xff\n"))
    assert (what, where, remedy) == ("the roster is not UTF-8 text", name, "save it as “CSV UTF-8”")
    assert "0xff" in why
    what, where, why, _ = told(refusal(tmp_path, 'id,name\n"a,A\n'))
    assert (what, where) == ("the roster is no CSV", name)
    assert "unexpected end" in why
    assert told(refusal(tmp_path, " Name ,email\nZoë,z@x\n")) == (
        *("the roster has no column of the students' ids", f"{name}:1", "its columns are: Name, email"),
        "call the column with the names that nbgrader knows students by “id”",
    )
    assert told(refusal(tmp_path, "id,name\nb,B\na,A\n\na,C\n")) == (
        *("the roster has 'a' twice", f"{name}:5", "it is in line 3 too", "each student has one line"),
    )
    with pytest.raises(ManyHandsError) as caught:
        read_roster(tmp_path)
    assert told(caught.value) == ("the roster cannot be read", tmp_path.name, "Is a directory", "")


# --- scores ---------------------------------------------------------------------------------------------------------

TABLES = """
CREATE TABLE assignment (id TEXT, name TEXT);
CREATE TABLE student (id TEXT, first_name TEXT, last_name TEXT, email TEXT, lms_user_id TEXT);
CREATE TABLE submitted_assignment (id TEXT, assignment_id TEXT, student_id TEXT);
CREATE TABLE submitted_notebook (id TEXT, assignment_id TEXT, late_submission_penalty REAL);
CREATE TABLE grade (notebook_id TEXT, auto_score REAL, manual_score REAL, extra_credit REAL, needs_manual_grade BOOL);
CREATE TABLE notebook (id TEXT, assignment_id TEXT);
CREATE TABLE base_cell (id TEXT, notebook_id TEXT);
CREATE TABLE grade_cells (id TEXT, max_score REAL);
CREATE TABLE task_cells (id TEXT, max_score REAL);
"""
ROWS: dict[str, list[tuple[Any, ...]]] = {
    "assignment": [("A", "a-lab"), ("B", "b-lab"), ("C", "c-lab")],
    "notebook": [("n", "A"), ("o", "A"), ("p", "B")],
    "base_cell": [("c1", "n"), ("c2", "n"), ("c3", "o"), ("c4", "p"), ("c5", "n")],
    "grade_cells": [("c1", 3.0), ("c2", 2.0), ("c4", 50.0)],
    "task_cells": [("c3", 4.5)],
    "student": [
        ("zoe", "Zoë", "Å", "z@x", "4711"),
        ("bob", None, "Bond", None, None),
        ("ann", "Ann", "", "", ""),
        ("lea", None, None, None, None),
    ],
    "submitted_assignment": [("sz", "A", "zoe"), ("sb", "A", "bob"), ("sa", "A", "ann"), ("sx", "B", "ann")],
    "submitted_notebook": [
        *(("zn", "sz", 0.5), ("zo", "sz", 0.25), ("bn", "sb", None), ("an", "sa", 9.0), ("xn", "sx", 0.0)),
    ],
    "grade": [
        *(("zn", 3.0, None, None, 0), ("zn", 0.0, 1.5, 0.25, 1), ("zo", 4.5, 0.0, None, 0)),
        *(("bn", None, None, 7.0, 0), ("bn", 2.0, None, None, 0)),
        *(("an", 3.0, None, None, 0), ("xn", 41.0, None, None, 0)),
    ],
}


@pytest.fixture
def gradebook(tmp_path: Path) -> str:
    """The columns that we read of nbgrader's tables; `test_command.py` reads a gradebook that nbgrader made."""
    places = Places(tmp_path)
    places.course.mkdir()
    with sqlite3.connect(places.course / "gradebook.db") as database:
        database.executescript(TABLES)
        for table, rows in ROWS.items():
            database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    database.close()
    return f"sqlite:///{places.course / 'gradebook.db'}"


SCORES = (
    Score("ann", 0.0, 9.5, 9.0, waiting=False, name="Ann"),
    Score("bob", 2.0, 9.5, 0.0, waiting=False, name="Bond"),
    Score("zoe", 4.0, 9.5, 0.75, waiting=True, name="Zoë Å", email="z@x", lms_id="4711"),
)


def test_scores_are_sums_with_a_hand_s_points_first_and_each_penalty_once(gradebook: str, tmp_path: Path) -> None:
    assert scores_in(gradebook, "a-lab") == SCORES
    assert gradebook_scores(tmp_path, "a-lab") == SCORES
    assert scores_in(gradebook, "b-lab") == (Score("ann", 41.0, 50.0, name="Ann"),)


def test_a_lab_without_grades_and_a_class_without_a_gradebook_have_no_scores(gradebook: str, tmp_path: Path) -> None:
    assert scores_in(gradebook, "c-lab") is None
    assert scores_in(gradebook, "unheard-of") is None
    assert gradebook_scores(tmp_path / "elsewhere", "a-lab") is None


def test_the_address_of_the_gradebook_is_the_configuration_s_word(tmp_path: Path) -> None:
    places = Places(tmp_path)
    assert gradebook_url(places) == f"sqlite:///{tmp_path}/class/gradebook.db"
    places.course.mkdir()
    places.config.write_text("c = get_config()\nc.Other.thing = 1\n")
    assert gradebook_url(places) == f"sqlite:///{tmp_path}/class/gradebook.db"
    places.config.write_text("c = get_config()\nc.CourseDirectory.db_url = 'postgresql://them@there/grades'\n")
    assert gradebook_url(places) == "postgresql://them@there/grades"


def test_a_configuration_that_cannot_be_run_says_why(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.course.mkdir()
    places.config.write_text("c = get_config()\n1 / 0\n")
    with pytest.raises(ManyHandsError) as caught:
        gradebook_url(places)
    assert told(caught.value) == (
        *(
            "the class's nbgrader configuration cannot be run",
            "nbgrader_config.py",
            "ZeroDivisionError: division by zero",
        ),
        "mend it, or move it away: ./manyhands up writes a new one",
    )
    assert caught.value.where == str(places.config)


def test_a_gradebook_that_cannot_be_read_says_so_and_not_its_password(tmp_path: Path) -> None:
    (tmp_path / "none.db").write_text("this is no database, and it is longer than a page's header is\n" * 3)
    with pytest.raises(ManyHandsError) as caught:
        scores_in(f"sqlite:///{tmp_path}/none.db", "a-lab")
    assert caught.value.what == "the gradebook cannot be read"
    assert caught.value.where == f"sqlite:///{tmp_path}/none.db"
    assert caught.value.why == "(sqlite3.DatabaseError) file is not a database"
    assert caught.value.remedy == "./manyhands report LAB --export … --scores records takes the verdict records instead"
    for url in ("nonsense", "unheardof://me:secret@there@here/grades"):
        with pytest.raises(ManyHandsError, match="cannot be read") as caught:
            scores_in(url, "a-lab")
        assert "secret" not in str(caught.value)
    assert caught.value.where == "here/grades"


def test_only_a_file_that_is_missing_is_no_gradebook(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.course.mkdir()
    places.config.write_text("c = get_config()\nc.CourseDirectory.db_url = 'unheardof://there/grades'\n")
    with pytest.raises(ManyHandsError, match="cannot be read"):
        gradebook_scores(tmp_path, "a-lab")
