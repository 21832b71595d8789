"""Answers: any bytes can be read or are refused in words; right ones pass however they are put; slips are named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.labs.kinds.answers_file import UnreadableError, read_answers, shown
from autograder.labs.kinds.answers_judging import judge
from autograder.labs.kinds.answers_questions import Asked, SheetError, read_sheet

SHARE = {"share": "app1", "of": ["pages"], "slips": [{"answer": 33.3, "mistake": "equal", "why": "Not so."}]}


def asked(**more: Any) -> Asked:
    settings = {"file": "answers.json", "traffic": {"pages": {}}, "questions": {"key": more}}
    return read_sheet("check", settings).questions[0]


def test_answers_are_found_by_their_path_and_line() -> None:
    written = read_answers(b'{\n "measured": {\n  "app1": 50,\n  "app2": null}\n}')
    assert written.values == {"measured.app1": 50, "measured.app2": None}
    assert written.lines == {"measured.app1": 3, "measured.app2": 4}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "line 1 is not JSON"),
        (b'{"a": 1,}', "line 1 is not JSON"),
        (b"[1, 2]", "not a table"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "1e999"),
        (b'{"a": %s}' % (b"9" * 5000), "not of this world"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b"[" * 60_000, "nested without end"),
        (b'{"a":' * 8 + b"1" + b"}" * 8, "nested deeper"),
        (b"\xff\xfe\x00", "not text"),
        (b"\x80abc", "not text"),
        (b'{"a": "%s"}' % (b"x" * 70_000), "bytes"),
        (json.dumps({f"q{n}": 1 for n in range(600)}).encode(), "more than"),
        (json.dumps({"a": [1] * 600}).encode(), "a list of"),
    ],
)
def test_what_cannot_be_read_is_told_in_words(data: bytes, said: str) -> None:
    with pytest.raises(UnreadableError, match=said):
        read_answers(data)


@given(st.one_of(st.binary(max_size=200), st.text(alphabet='{}[]":,.0123eEnulNa- \\u\n', max_size=60).map(str.encode)))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        written = read_answers(data)
    except UnreadableError:
        return
    assert written.values.keys() == written.lines.keys()


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_answer_is_judged(value: Any) -> None:
    for about in ({"share": "app1", "of": ["pages"]}, {"type": "text", "truth": "a"}, {"type": "list", "truth": ["a"]}):
        judged = judge(asked(**about), value, 50.0 if "share" in about else about["truth"], "")
        assert judged.right or judged.said


@pytest.mark.parametrize("value", [50, 50.0, 52, "50", "50 %", "50,0", " 50.0% "])
def test_a_right_number_passes_however_it_is_put(value: Any) -> None:
    assert judge(asked(**SHARE), value, 50.0, "").right


@pytest.mark.parametrize("value", [54, True, "fifty", [50], 10**400, "1e2"])
def test_a_wrong_number_does_not(value: Any) -> None:
    assert not judge(asked(**SHARE), value, 50.0, "").right


def test_a_comma_may_part_thousands_as_in_our_tables() -> None:
    slow = asked(truth=2900, within=50, slips=[{"answer": 3000, "mistake": "worst", "why": "The worst of all."}])
    assert judge(slow, "2,910", 2900, "").right
    assert judge(slow, "2,700", 2900, "").said == "key: you say 2,700; it was more"
    worst = judge(slow, "3,000", 2900, "")
    assert worst.said == "key: you say 3,000; it was less"
    assert worst.slip is not None
    assert judge(asked(truth=12.74), "12,735", 12.74, "").right


def test_feedback_tells_the_direction_and_not_the_answer() -> None:
    judged = judge(asked(**SHARE), 33, 50.0, ", counted at the servers")
    assert judged.said == "key: you say 33; it was more, counted at the servers"
    assert judged.slip is not None
    assert judged.slip.mistake == "equal"
    assert "50" not in judged.said


def test_words_may_be_put_in_other_ways() -> None:
    choice = asked(type="choice", options=["nginx", "HAProxy"], truth="HAProxy")
    assert judge(choice, " haproxy ", "HAProxy", "").right
    assert judge(choice, "HAProxy:8404", "HAProxy", "").right
    assert not judge(choice, "nginx:80", "HAProxy", "").right
    assert "one of nginx, HAProxy" in judge(choice, "apache", "HAProxy", "").said
    several = asked(type="list", truth=["app1", "app2"])
    assert judge(several, ["app2", "APP1"], ["app1", "app2"], "").right
    assert judge(several, "app2, app1", ["app1", "app2"], "").right
    assert not judge(several, ["app1"], ["app1", "app2"], "").right
    assert judge(asked(type="text", truth=["a pool", "the pool"]), "The  pool", ["a pool", "the pool"], "").right


def test_nothing_yet_is_open_and_a_prediction_is_never_wrong() -> None:
    assert judge(asked(**SHARE), None, 50.0, "").open
    assert judge(asked(free="app1", of=["pages"]), 99, "app1", "").right


def test_feedback_repeats_nothing_that_a_terminal_obeys() -> None:
    assert shown("\x1b[2J" + "x" * 100) == " [2J" + "x" * 35 + "…"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({}, "exactly one of"),
        ({"share": "app1", "truth": 3}, "exactly one of"),
        ({"share": "app1"}, "of which traffic"),
        ({"share": "app1", "of": ["pags"]}, "pages"),
        ({"type": "nmber", "truth": 3}, "number"),
        ({"type": "choice", "truth": "a"}, "options"),
        ({"truth": 3, "slips": [{"answer": 1}]}, "why"),
        ({"truht": 3}, "truth"),
    ],
)
def test_a_slip_of_the_lab_is_told_to_its_author(question: dict[str, Any], said: str) -> None:
    with pytest.raises(SheetError, match=said):
        asked(**question)
