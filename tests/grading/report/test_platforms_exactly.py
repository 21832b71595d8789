"""Grades for each platform, byte for byte, and every word beside them: found by changing the code at random.

What such changes still survive changes nothing that can be seen: a feedback that is None, which is an empty cell as
well; no byte order mark for None as for False.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autograder.grading.export import export
from autograder.grading.export_roster import Person, Roster
from autograder.grading.export_scores import Score

if TYPE_CHECKING:
    from autograder.grading.export import Platform

SCORES = (
    Score("zoe", 8.5, 10.0, late=1.0, name="Zoë A", email="z@x", lms_id="4711"),
    Score("a@x", 3.0, 10.0, waiting=True),
    Score("ab", 0.0, 12.0, name="Anna"),
)
ROSTER = Roster([Person("zoe", sis_id="S", section="Mon", number="1", canvas_id="7"), Person("ab", "", "a@b")])


def text(platform: Platform, roster: Roster | None = None) -> list[str]:
    made = export(platform, SCORES, lab="a-lab", item="A lab", roster=roster, feedback={"zoe": "peak: not yet"})
    return made.text.split("\r\n")


def test_canvas_to_the_letter() -> None:
    assert text("canvas") == [
        "Student,ID,SIS User ID,SIS Login ID,Section,A lab",
        "Points Possible,,,,,12",
        *("a@x,,,a@x,,3", "Anna,,,ab,,0", "Zoë A,4711,,zoe,,8.5", ""),
    ]
    assert text("canvas", ROSTER)[2:] == ["a@x,,,a@x,,3", "Anna,,,ab,,0", "Zoë A,7,S,zoe,Mon,8.5", ""]


def test_moodle_to_the_letter() -> None:
    assert text("moodle") == [
        "Username,ID number,Email address,Full name,A lab (Real),A lab (Feedback)",
        *("a@x,,a@x,a@x,3,", "ab,,,Anna,0,", "zoe,,z@x,Zoë A,8.5,peak: not yet", ""),
    ]
    assert text("moodle", ROSTER)[2:] == ["ab,,a@b,Anna,0,", "zoe,1,z@x,Zoë A,8.5,peak: not yet", ""]


def test_the_plain_file_to_the_letter() -> None:
    assert text("csv") == [
        "\ufeffstudent,name,email,lab,score,max_score,late_penalty,needs_manual_grade",
        *("a@x,a@x,a@x,a-lab,3,10,0,yes", "ab,Anna,,a-lab,0,12,0,no", "zoe,Zoë A,z@x,a-lab,8.5,10,1,no", ""),
    ]


def test_a_class_without_grades_is_a_heading() -> None:
    assert export("canvas", (), lab="a-lab", item="A lab").text.split("\r\n")[1] == "Points Possible,,,,,0"
    assert export("csv", (), lab="a-lab", item="A lab").notes == ()


def test_a_name_is_the_roster_s_then_the_gradebook_s_then_the_id() -> None:
    named = Roster([Person("zoe", "Å, Zoë"), Person("ab"), Person("a@x")])
    rows = text("csv", named)[1:-1]
    assert [row.split(",")[1] for row in rows] == ["a@x", "Anna", '"Å']


@pytest.mark.parametrize("platform", ["canvas", "moodle", "csv"])
def test_who_imports_is_told_all_there_is_to_know(platform: Platform) -> None:
    evil = Score("=x", 1.0, 2.0)
    made = export(platform, [*SCORES, evil], lab="a-lab", item="x", roster=ROSTER, missing=2, earlier=["ab", "zoe"])
    assert made.notes == (
        "2 students have handed in and no grade; they are left out, so that nothing is taken from them",
        "not in the roster, exported under the class's own name: '=x, a@x",
        "still to be graded by hand: a@x",
        "looks like a formula and got an apostrophe before it; enter the grade by hand: '=x",
        "handed in again since; this is the grade of an earlier submission: ab, zoe",
        *(
            ["neither email address nor ID number: map by username, or give a --roster: '=x"]
            if platform == "moodle"
            else []
        ),
    )


def test_one_who_is_missing_is_one_and_five_are_named() -> None:
    one = export("csv", (), lab="a-lab", item="x", missing=1, earlier="abcde")
    assert one.notes == (
        "1 student has handed in and no grade; they are left out, so that nothing is taken from them",
        "handed in again since; this is the grade of an earlier submission: a, b, c, d, e",
    )
    for names, end in (("abcdef", "d, e and 1 more"), ("abcdefghijkl", "d, e and 7 more")):
        assert export("csv", (), lab="a-lab", item="x", earlier=names).notes[0].endswith(f"submission: a, b, c, {end}")
