"""Notes of what the gradebook holds, and the record that each belongs to: found by changing the code at random."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.grading.record import Key, Record, evidence_path, new_record, save_record
from autograder.grading.settings import Places
from autograder.grading.submission import Submission
from autograder.grading.written import Note, note_of, read_note, write_note, written_record
from autograder.labs.verdict import Outcome, Verdict

KEY = Key("a-lab", "ann", "a" * 64, "b" * 64, "local")
SUBMISSION = Submission("ann", "a-lab", {}, (), "a" * 64, "n" * 64)


def judged(hour: int = 10, *, submission: str = "a" * 64, **points: float) -> Record:
    verdicts = [Verdict(check, Outcome.FAILED, value, 4.0, "seen") for check, value in points.items()]
    made = new_record(replace(KEY, submission=submission), verdicts, 1.0, ["v1"] * len(verdicts))
    return replace(made, judged_at=f"2026-03-01T{hour}:00:00+00:00")


def test_a_note_is_these_bytes_in_this_place(tmp_path: Path) -> None:
    places = Places(tmp_path)
    record = judged(peak=1, spread=0.5)
    expected = Note(record.key.name, "a" * 64, "n" * 64, "2026-03-01T10:00:00+00:00", {"peak": 1.0, "spread": 0.5})
    write_note(places, record, SUBMISSION)
    path = tmp_path / "class" / "written" / "a-lab" / "ann.json"
    assert path.read_text() == json.dumps(vars(expected), indent=1)
    assert note_of(record, "n" * 64) == read_note(places, "a-lab", "ann") == expected


@pytest.mark.parametrize(
    "text", [None, "", "[]", "7", "{}", '{"points": []}', '{"points": {"peak": "x"}}', "[" * 10**5]
)
def test_what_is_no_note_is_none(tmp_path: Path, text: str | None) -> None:
    places = Places(tmp_path)
    write_note(places, judged(peak=1.0), SUBMISSION)
    path = places.written("ann", "a-lab")
    path.unlink() if text is None else path.write_text(text)
    assert read_note(places, "a-lab", "ann") is None
    assert written_record(places, "a-lab", "ann") is None


def test_points_of_a_note_are_numbers_even_where_it_has_them_as_text(tmp_path: Path) -> None:
    places = Places(tmp_path)
    write_note(places, judged(peak=1.0), SUBMISSION)
    path = places.written("ann", "a-lab")
    path.write_text(path.read_text().replace("1.0", '"1"'))
    note = read_note(places, "a-lab", "ann")
    assert note is not None
    assert note.points == {"peak": 1.0}


def test_the_record_of_a_grade_is_the_one_that_its_note_names(tmp_path: Path) -> None:
    places = Places(tmp_path)
    assert written_record(places, "a-lab", "ann") is None
    mine = judged(peak=1.0)
    write_note(places, mine, SUBMISSION)
    assert written_record(places, "a-lab", "ann") is None  # it is gone
    save_record(places.records, mine)
    save_record(places.records, judged(11, submission="c" * 64, peak=1.0))
    assert written_record(places, "a-lab", "ann") == mine
    assert written_record(places, "a-lab", "bob") is None


def test_a_grade_that_was_kept_while_others_were_judged_keeps_its_record(tmp_path: Path) -> None:
    places = Places(tmp_path)
    # the note is on the middle one, of three with the same points; then one with others took the name
    stories = [judged(10, peak=1.0), judged(11, peak=2.0), judged(12, peak=1.0), judged(13, peak=2.0)]
    stories += [judged(14, peak=1.0), judged(15, peak=3.0)]
    for record in stories:
        save_record(places.records, record)
    save_record(places.records, judged(12, submission="c" * 64, peak=1.0))
    write_note(places, stories[2], SUBMISSION)
    assert written_record(places, "a-lab", "ann") == stories[2]


def test_a_record_by_another_engine_is_not_the_grade_s(tmp_path: Path) -> None:
    places = Places(tmp_path)
    write_note(places, judged(10, peak=1.0), SUBMISSION)
    again, other = judged(11, peak=1.0), replace(judged(12, peak=1.0), key=replace(KEY, engine="docker"))
    for record in (again, other):
        save_record(places.records, record)
    assert written_record(places, "a-lab", "ann") == again


def test_without_the_time_it_is_the_last_one_with_those_points(tmp_path: Path) -> None:
    places = Places(tmp_path)
    stories = [judged(10 + hour, peak=points) for hour, points in enumerate([1.0, 2.0, 1.0, 2.0, 1.0, 3.0])]
    for record in stories:
        save_record(places.records, record)
    write_note(places, replace(stories[0], judged_at="2026-02-01T00:00:00+00:00"), SUBMISSION)
    assert written_record(places, "a-lab", "ann") == stories[4]
    write_note(places, replace(stories[5], judged_at="2026-02-01T00:00:00+00:00"), SUBMISSION)
    assert written_record(places, "a-lab", "ann") == stories[5]
    write_note(places, judged(10, peak=4.0), SUBMISSION)
    assert written_record(places, "a-lab", "ann") is None


def test_a_check_more_or_less_is_another_record(tmp_path: Path) -> None:
    places = Places(tmp_path)
    path = save_record(places.records, judged(peak=1.0, spread=2.0))
    evidence_path(places.records, path).unlink()
    write_note(places, judged(peak=1.0), SUBMISSION)
    assert written_record(places, "a-lab", "ann") is None
    write_note(places, judged(spread=2.0, peak=1.0), SUBMISSION)
    found = written_record(places, "a-lab", "ann")
    assert found is not None
    assert (found.points, found.judged_at) == (3.0, "")
