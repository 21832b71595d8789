"""Reading a class from disk: whose work counts, what is damaged, and when it came in."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from autograder.errors import ManyHandsError
from autograder.grading.classreport.reading import moment, read_class
from autograder.grading.classreport.summary import summarise
from autograder.grading.record import evidence_path
from tests.grading.report.classes import BEGAN, FILE, LAB, Work, a_class, config, judge, verdicts, write_class

START = ("only-the-hash", config("only-the-hash"), 10.0)
BETTER = ("weight-kept", config("weight-kept"), 40.0)
DONE = ("reference", config("reference"), 70.0)


def test_attempts_are_in_the_order_they_were_handed_in(tmp_path: Path) -> None:
    write_class(tmp_path, [Work("zoë", [START, BETTER, DONE])])
    (found,) = read_class(tmp_path, LAB.slug).entries
    assert [attempt.points for attempt in found.attempts] == [3.0, 3.0, 10.0]
    assert [attempt.at for attempt in found.attempts] == [BEGAN + timedelta(minutes=m) for m in (10, 40, 70)]
    assert found.now == found.attempts[-1]
    assert len(found.handed_in) == 3
    assert found.files == {FILE: config("reference")}


def test_without_the_exchange_the_records_tell_the_attempts(tmp_path: Path) -> None:
    write_class(tmp_path, [Work("bob", [START, BETTER, DONE])], inbound=False)
    (found,) = read_class(tmp_path, LAB.slug).entries
    assert len(found.attempts) == 3
    assert found.now == found.attempts[-1]
    assert found.now.complete
    assert found.attempts[-1].at == BEGAN + timedelta(minutes=70)


def test_only_the_verdict_on_what_lies_there_now_counts(tmp_path: Path) -> None:
    places = write_class(tmp_path, [Work("bob", [DONE])])
    (places.submitted("bob", LAB.slug) / FILE).write_text("changed since\n")
    (found,) = read_class(tmp_path, LAB.slug).entries
    assert found.now is None
    assert len(found.attempts) == 1


def test_a_mistake_is_known_from_the_evidence_and_points_without_it(tmp_path: Path) -> None:
    places = write_class(tmp_path, [Work("bob", [BETTER])])
    assert summarise(read_class(tmp_path, LAB.slug)).mistakes
    (record,) = (places.records / LAB.slug / "bob").glob("*.json")
    evidence_path(places.records, record).unlink()
    found = summarise(read_class(tmp_path, LAB.slug))
    assert found.mistakes == ()
    assert found.unexplained == 1
    assert found.students[0].points == 3.0


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "\x00", '{"schema": 2, "key": {}, "verdicts": []}', "[" * 9_000]
)
def test_damaged_records_are_left_out_and_named(tmp_path: Path, text: str) -> None:
    places = write_class(tmp_path, [Work("bob", [START, BETTER]), Work("eve", [DONE])])
    for path in (places.records / LAB.slug / "bob").glob("*.json"):
        path.write_text(text)
    found = read_class(tmp_path, LAB.slug)
    assert [entry.now is None for entry in found.entries] == [True, False]
    assert len(found.damaged) == 2
    assert all(name.startswith("bob/") for name in found.damaged)


def test_a_record_of_somebody_else_is_damaged(tmp_path: Path) -> None:
    places = write_class(tmp_path, [Work("bob", [DONE]), Work("eve", [DONE], judged=False)])
    (record,) = (places.records / LAB.slug / "bob").glob("*.json")
    (places.records / LAB.slug / "eve").mkdir()
    (places.records / LAB.slug / "eve" / record.name).write_bytes(record.read_bytes())
    found = read_class(tmp_path, LAB.slug)
    assert found.entries[1].now is None
    assert found.damaged == (f"eve/{record.name}",)


def test_of_two_records_on_one_submission_the_gradebooks_counts(tmp_path: Path) -> None:
    places = write_class(tmp_path, [Work("bob", [DONE])])
    (first,) = (places.records / LAB.slug / "bob").glob("*.json")
    folder = places.submitted("bob", LAB.slug)
    other = judge(places, "bob", folder, verdicts("weight-kept"), engine="docker")
    note = '{"record": "%s", "submission": "", "notebook": "", "judged_at": "", "points": {}}'
    places.written("bob", LAB.slug).parent.mkdir(parents=True)
    for path, points in ((first, 10.0), (other, 3.0)):
        places.written("bob", LAB.slug).write_text(note % path.name)
        (found,) = read_class(tmp_path, LAB.slug).entries
        assert found.now is not None
        assert found.now.points == points


def test_records_by_an_earlier_version_of_the_checks_are_counted(tmp_path: Path) -> None:
    places = write_class(tmp_path, [Work("bob", [DONE], judged=False), Work("eve", [DONE])])
    judge(places, "bob", places.submitted("bob", LAB.slug), verdicts("reference"), version="older")
    assert read_class(tmp_path, LAB.slug).older == 1


def test_what_learners_leave_in_the_exchange_stops_nobody(tmp_path: Path) -> None:
    places = write_class(tmp_path, [Work("bob", [START, DONE]), Work("eve", [DONE])])
    for name in (
        "+++",
        "bob+spread-the-load+no time+x",
        "bob+spread-the-load",
        "x" * 200,
        "bob+spread-the-load+2026-13-45+x",
    ):
        (places.inbound / name).mkdir()
    (places.inbound / f"bob+{LAB.slug}+2026-01-01 00:00:00 UTC+x").symlink_to("/etc")
    (places.submitted("eve", LAB.slug) / "timestamp.txt").write_bytes(b"\xff" * 10_000)
    found = {entry.student: entry for entry in read_class(tmp_path, LAB.slug).entries}
    assert [attempt.points for attempt in found["bob"].attempts] == [3.0, 10.0]
    assert found["eve"].now is not None


def test_a_submission_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    places = write_class(tmp_path, [Work("bob", [DONE])])
    (places.course / "submitted" / "eve").mkdir()
    places.submitted("eve", LAB.slug).symlink_to(places.submitted("bob", LAB.slug))
    found = {entry.student: entry for entry in read_class(tmp_path, LAB.slug).entries}
    assert found["eve"].files == {}
    assert found["eve"].now is None


def test_kind_errors(tmp_path: Path) -> None:
    with pytest.raises(ManyHandsError, match="no class here"):
        read_class(tmp_path / "nowhere", LAB.slug)
    write_class(tmp_path, [])
    with pytest.raises(ManyHandsError, match="nobody handed in"):
        read_class(tmp_path, LAB.slug)
    with pytest.raises(ManyHandsError, match="no lab called"):
        read_class(tmp_path, "spread-the-lod")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-22 16:27:38.123456 UTC", "2026-11-22T16:27:38.123456+00:00"),
        ("2026-11-22 16:27:38 UTC\n", "2026-11-22T16:27:38+00:00"),
        ("2026-11-22T17:27:38+01:00", "2026-11-22T16:27:38+00:00"),
        ("yesterday", None),
        ("", None),
        ("2026-99-22 16:27:38 UTC", None),
    ],
)
def test_times_as_nbgrader_writes_them(text: str, said: str | None) -> None:
    found = moment(text)
    assert (found.isoformat() if found else None) == said


def test_only_the_lab_that_is_asked_for_is_opened(tmp_path: Path) -> None:
    """Records of other labs, however many and however damaged, cost nothing."""
    places = write_class(tmp_path, a_class(20))
    other = places.records / "another-lab" / "s0001"
    other.mkdir(parents=True)
    (other / "a-b-c.json").write_text("{")
    found = read_class(tmp_path, LAB.slug)
    assert found.damaged == ()
    assert len(found.entries) == 20
