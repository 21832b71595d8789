"""Every word of evidence, history and regrades, where a slip changes no grade: found by changing the code at random.

What such changes still survive changes nothing that can be seen: the letter X among characters that are cut off the end
of a number, which has none, and the case of a number's digits in a pattern.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.grading.evidence import as_html, as_text, clean, number
from autograder.grading.history import as_text as history_as_text
from autograder.grading.history import history
from autograder.grading.record import Key, Record, new_record, save_record
from autograder.grading.regrade import Change, changes, held_in_words, table
from autograder.grading.settings import Places
from autograder.grading.written import Note, note_of
from autograder.labs.verdict import Outcome, Verdict
from autograder.mistakes.finding import Finding

CAUSE = Finding(
    *("weight-skew", "shop", "conf/nginx.conf", 14, "server app1:80 weight=100;", (15, 25)),
    *("takes 100 of 102 requests", "mend it"),
)
FULL = Verdict(
    *("spread", Outcome.FAILED, 0.5, 3.0, "98 % reach <one>", "line 14", "Compare & see"),
    share={"app1": 0.75, "app2": 0.002},
    fair={"app2": 0.25, "app10": 0.75},
    requests=300,
    failed=7,
    causes=(CAUSE, replace(CAUSE, column=(0, 0), line=15)),
)
BARE = Verdict("spread", Outcome.PASSED, 3.0, 3.0, "")

EMPTY = " " * 40
BARS = [
    f"app2   ▏{EMPTY[1:]}    0%   fair 25%",
    f"app10  {EMPTY}    0%   fair 75%",
    f"app1   {'█' * 30}{' ' * 10}   75%",
    "300 requests, 7 failed",
]


def test_a_verdict_as_text_is_this_to_the_letter() -> None:
    assert as_text(FULL).split("\n") == [
        *("not yet: 0.5 of 3 points", "", "98 % reach <one>", "", *BARS, "", "why   line 14"),
        *("", "conf/nginx.conf:14  server app1:80 weight=100;"),
        " " * (len("conf/nginx.conf:14  ") + 15) + "~" * 10,
        "takes 100 of 102 requests",
        *("", "conf/nginx.conf:15  server app1:80 weight=100;", "takes 100 of 102 requests"),
        *("", "next  Compare & see"),
    ]


def test_a_verdict_with_nothing_to_say_is_one_line() -> None:
    assert as_text(BARE) == "passed: 3 of 3 points"
    assert as_html(BARE) == (
        '<div style="border-left:4px solid #1a7f37;padding-left:12px">'
        '<p><strong style="color:#1a7f37">passed · 3 of 3 points</strong></p></div>'
    )


def test_a_verdict_as_a_page_is_this_to_the_letter() -> None:
    bars = "\n".join(BARS)
    tilde = " " * (len("conf/nginx.conf:14  ") + 15) + "~" * 10
    assert as_html(FULL) == (
        '<div style="border-left:4px solid #b35900;padding-left:12px">'
        '<p><strong style="color:#b35900">not yet · 0.5 of 3 points</strong></p>'
        "<p>98 % reach &lt;one&gt;</p>"
        f'<pre style="line-height:1.3">{bars}</pre>'
        "<p><strong>Why</strong> line 14</p>"
        f"<pre>conf/nginx.conf:14  server app1:80 weight=100;\n{tilde}\ntakes 100 of 102 requests</pre>"
        "<pre>conf/nginx.conf:15  server app1:80 weight=100;\ntakes 100 of 102 requests</pre>"
        "<p><strong>Next</strong> Compare &amp; see</p></div>"
    )


def test_our_own_fault_has_no_colour_of_the_learner_s() -> None:
    assert "solid #57606a;" in as_html(replace(BARE, outcome=Outcome.OURS, points=0.0))
    assert "not graded: our fault" in as_html(replace(BARE, outcome=Outcome.OURS, points=0.0))
    assert "#6e40c9" in as_html(replace(BARE, outcome=Outcome.UNJUDGED, points=0.0))


def test_five_causes_and_thirty_two_servers_are_shown_and_the_rest_is_counted() -> None:
    many = replace(FULL, causes=(CAUSE,) * 7, share={f"s{n:02}": 0.02 for n in range(35)}, fair={}, requests=0)
    text = as_text(many)
    assert text.count("takes 100") == as_html(many).count("takes 100") == 5
    lines = text.split("\n")
    assert sum(line.startswith("s") for line in lines) == 32
    assert lines[lines.index("… and 3 more servers") - 1].startswith("s31  █")
    assert "requests, " not in text
    exactly = replace(many, share={f"s{n:02}": 0.02 for n in range(32)})
    assert "more servers" not in as_text(exactly)


def test_a_long_name_is_cut_and_a_share_that_cannot_be_is_drawn_as_none_or_all() -> None:
    odd = replace(BARE, share={"x" * 60: 1.5, "y": -1.0, "zz": 0.0})
    _, _, first, second, third = as_text(odd).split("\n")
    assert first == f"{'x' * 48}  {'█' * 40}  100%"
    assert second == f"{'y':<48}  {EMPTY}    0%"
    assert third == f"{'zz':<48}  {EMPTY}    0%"


@pytest.mark.parametrize(
    ("column", "marked"), [((0, 6), "server"), ((15, 25), "weight=100"), ((6, 6), ""), ((20, 27), ""), ((-1, 3), "")]
)
def test_only_words_that_are_there_are_marked(column: tuple[int, int], marked: str) -> None:
    text = as_text(replace(BARE, causes=(replace(CAUSE, column=column, quote=CAUSE.quote[:26]),)))
    quote = next(line for line in text.split("\n") if "weight=100" in line)
    mark = next((line for line in text.split("\n") if line.strip("~ ") == "" and "~" in line), "")
    assert "".join(c for c, m in zip(quote, mark, strict=False) if m == "~") == marked


def test_words_up_to_the_end_of_the_line_are_marked() -> None:
    assert "~" * 26 in as_text(replace(BARE, causes=(replace(CAUSE, column=(0, 26)),)))


@pytest.mark.parametrize(
    ("points", "text"), [(0.0, "0"), (1.5, "1.5"), (10.0, "10"), (100.0, "100"), (1 / 3, "0.333"), (0.0004, "0")]
)
def test_points_are_told_without_a_tail(points: float, text: str) -> None:
    assert number(points) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[?25lX\x1b[1;2 qY", "XY"),
        ("a\x1bb", "a�b"),
        ("a\tb\nc", "a\tb\nc"),
        ("a\x00b\x7fc\x9bd\u2066e\ud800f\u202ag", "a�b�c�d�e�f�g"),
        ("Zoë 李 X", "Zoë 李 X"),
    ],
)
def test_what_a_terminal_would_obey_is_not_said(text: str, shown: str) -> None:
    assert clean(text) == shown


# --- regrades and history -------------------------------------------------------------------------------------------

KEY = Key("a-lab", "ann", "a" * 64, "b" * 64, "local")


def judged(student: str = "ann", *, submission: str = "a" * 64, when: str = "", **points: float) -> Record:
    verdicts = [
        Verdict(check, Outcome.PASSED if value else Outcome.FAILED, value, 4.0, "") for check, value in points.items()
    ]
    made = new_record(replace(KEY, student=student, submission=submission), verdicts, 1.0, ["v1"] * len(verdicts))
    return replace(made, judged_at=when or "2026-03-01T10:00:00+00:00")


def test_what_changed_is_what_differs_new_and_gone_checks_too() -> None:
    note = note_of(judged(starts=1.0, peak=4.0, gone=2.0), "n")
    found = changes(note, judged(starts=1.0, peak=1.5, new=3.0))
    assert found == (
        Change("a-lab", "ann", "peak", 4.0, 1.5),
        Change("a-lab", "ann", "new", None, 3.0),
        Change("a-lab", "ann", "gone", 2.0, None),
    )
    assert [str(change) for change in found] == ["ann  peak  4 → 1.5", "ann  new  – → 3", "ann  gone  2 → –"]


def test_no_grade_or_another_submission_is_no_regrade() -> None:
    assert changes(None, judged(peak=1.0)) == ()
    assert changes(note_of(judged(peak=4.0, submission="c" * 64), "n"), judged(peak=1.0)) == ()


def test_why_a_grade_stays_is_said_with_what_to_run() -> None:
    found = [Change("a-lab", "a\x1bnn", "peak", 4.0, 1.5), Change("a-lab", "a\x1bnn", "new", None, 3.0)]
    assert held_in_words(found) == (
        "a�nn's grade for a-lab stays as it is: what was handed in is the same, and would now be graded otherwise "
        "(peak 4 → 1.5; new – → 3). ./manyhands grade a-lab shows all such changes and asks before it writes them"
    )


def test_one_change_is_enough_for_words_and_a_part_of_a_point_for_up_and_down() -> None:
    assert "(peak – → 0.5)" in held_in_words([Change("a-lab", "ann", "peak", None, 0.5)])
    assert table([Change("a-lab", "ann", "peak", None, 0.5)]).endswith("1 verdicts go up, 0 go down")
    assert table([Change("a-lab", "ann", "peak", 0.5, None)]).endswith("0 verdicts go up, 1 go down")


def test_the_table_of_changes_is_this_to_the_letter() -> None:
    found = [
        Change("a-lab", "ann", "peak", 4.0, 1.5),
        Change("a-lab", "ann", "new", None, 3.0),
        Change("b-lab", "bob", "starts", 0.333, 2.0),
        Change("a-lab", "bar\x1bbara", "peak", 10.0, None),
        Change("a-lab", "bob", "x", None, 0.0),
    ]
    assert table(found).split("\n") == [
        "a-lab: grades that would change",
        "  ann       peak   4 → 1.5",
        "  ann       new    – →   3",
        "  bar�bara  peak  10 →   –",
        "  bob       x      – →   0",
        "  3 students: 1 verdicts go up, 2 go down",
        "b-lab: grades that would change",
        "  bob  starts  0.333 → 2",
        "  1 student: 1 verdicts go up, 0 go down",
    ]
    assert table([]) == ""


def note(places: Places, record: Record) -> Note:
    """Say that the gradebook's grade is from this record."""
    made = note_of(record, "n")
    path = places.written(record.key.student, record.key.lab)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(vars(made)))
    return made


def test_a_history_has_every_record_and_says_which_is_in_the_gradebook(tmp_path: Path) -> None:
    places = Places(tmp_path)
    old, new = judged(peak=1.0, starts=1.0), judged(peak=4.0, starts=1.0, when="2026-03-02T10:00:00+00:00")
    other = judged("bob", peak=0.0)
    for record in (old, new, other):
        save_record(places.records, record)
    note(places, new)
    rows = history(places, ["a-lab", "b-lab"], ["ann", "bob"])
    assert [(row["student"], row["judged_at"], row["points"], row["written"]) for row in rows] == [
        ("ann", old.judged_at, 2.0, False),
        ("ann", new.judged_at, 5.0, True),
        ("bob", other.judged_at, 0.0, False),
    ]
    assert rows[1] == {
        "lab": "a-lab",
        "student": "ann",
        "judged_at": new.judged_at,
        "submission": "a" * 12,
        "lab_version": "b" * 64,
        "engine": "local",
        "points": 5.0,
        "max_points": 8.0,
        "written": True,
        "verdicts": [
            {"check": "peak", "version": "v1", "outcome": "passed", "points": 4.0, "max_points": 4.0},
            {"check": "starts", "version": "v1", "outcome": "passed", "points": 1.0, "max_points": 4.0},
        ],
    }
    assert history_as_text(rows).split("\n") == [
        "a-lab  ann",
        "",
        f"  2026-03-01T10:00:00+00:00  files {'a' * 12}  lab {'b' * 64}  local  2/8  peak 1  starts 1",
        f"* 2026-03-02T10:00:00+00:00  files {'a' * 12}  lab {'b' * 64}  local  5/8  peak 4  starts 1",
        "",
        "a-lab  bob",
        "",
        f"  2026-03-01T10:00:00+00:00  files {'a' * 12}  lab {'b' * 64}  local  0/4  peak 0",
        "",
        "* is in the gradebook",
    ]


def test_a_history_of_nothing_and_a_record_whose_evidence_is_gone(tmp_path: Path) -> None:
    places = Places(tmp_path)
    assert history(places, ["a-lab"], ["ann"]) == []
    assert history_as_text([]) == "Nothing was judged."
    saved = save_record(places.records, judged(peak=1.0))
    (places.records.with_name("evidence") / saved.relative_to(places.records)).unlink()
    assert "\n  time not known  files " in history_as_text(history(places, ["a-lab"], ["ann"]))
