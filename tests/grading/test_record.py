from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.grading.record import Key, load_record, new_record, save_record
from autograder.labs.verdict import Outcome, Verdict
from autograder.mistakes.finding import Finding

KEY = Key("a-lab", "alice", "d" * 64, "v1", "local")
CAUSE = Finding("weight-skew", "shop", "conf/nginx.conf", 3, "server a weight=9;", (9, 17), "takes 9 of 10", "drop it")
GOOD = Verdict("spread", Outcome.PASSED, 1.5, 2.0, "300 requests", share={"a": 0.5, "b": 0.5}, causes=(CAUSE,))


def test_a_record_is_read_back_whole(tmp_path: Path) -> None:
    record = new_record(KEY, [GOOD], 1.25)
    save_record(tmp_path / "records", record)
    assert load_record(tmp_path / "records", KEY) == record


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, lab="b-lab"),
        replace(KEY, student="bob"),
        replace(KEY, submission="e" * 64),
        replace(KEY, lab_version="v2"),
        replace(KEY, engine="docker"),
        replace(KEY, submission="d" * 63 + "e"),
    ],
)
def test_a_record_is_for_nothing_but_what_it_judged(tmp_path: Path, other: Key) -> None:
    save_record(tmp_path / "records", new_record(KEY, [GOOD], 0))
    assert load_record(tmp_path / "records", other) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": 0}', '{"schema": 1, "key": {}}'])
def test_a_file_that_is_no_record_is_none(tmp_path: Path, text: str) -> None:
    path = save_record(tmp_path / "records", new_record(KEY, [GOOD], 0))
    path.write_text(text)
    assert load_record(tmp_path / "records", KEY) is None


@pytest.mark.parametrize("points", [float("nan"), float("inf"), -1.0, 2.5])
def test_points_that_are_no_points_are_not_recorded(tmp_path: Path, points: float) -> None:
    with pytest.raises(ValueError, match="points"):
        new_record(KEY, [replace(GOOD, points=points)], 0)


@pytest.mark.parametrize("points", ["NaN", "Infinity", "-1.0", "1000.0"])
def test_points_that_are_no_points_are_not_believed_from_a_file(tmp_path: Path, points: str) -> None:
    path = save_record(tmp_path / "records", new_record(KEY, [GOOD], 0))
    assert '"points": 1.5' in path.read_text()
    path.write_text(path.read_text().replace('"points": 1.5', f'"points": {points}'))
    json.loads(path.read_text())
    assert load_record(tmp_path / "records", KEY) is None


@pytest.mark.parametrize("outcome", [Outcome.UNJUDGED, Outcome.OURS])
def test_nothing_is_earned_without_being_judged(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match="points"):
        new_record(KEY, [replace(GOOD, outcome=outcome)], 0)
