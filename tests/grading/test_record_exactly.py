"""What a record keeps, byte for byte, and what becomes of an older one: found by changing the code at random.

So are the other files called ``test_…_exactly.py`` here; each says what such changes still survive in what it tests.
Counted with mutmut 3.8.1 on 2026-11-23, with these files and the quick tests beside them: of 3,050 changes in 23
modules 2,998 are seen, one never ends, and 51 survive, each of a kind that is explained. The modules: evidence,
export and export_*, history, intake, interrupt, locks, misplaced, progress, put_in_order, record, regrade, report,
secret, settings, submission, tidy, variants, versions, written, and classreport/items.

Not changed at random: what runs nbgrader, a cluster, other processes or a database (batch, by_hand, classroom,
cluster, formgrader, frame, grade_log, judging, nbgrader_*, own_copy, pool, survey, worker), where each change would
cost seconds to minutes; and what draws the report of a class, but for its statistics.

Here they survive in ``save_record``: None where False stands.
"""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from autograder.grading.record import (
    Key,
    Record,
    evidence_path,
    load_record,
    new_record,
    read_record,
    records_of,
    save_record,
    sound,
    write_whole,
)
from autograder.labs.verdict import Outcome, Verdict

KEY = Key("a-lab", "alice", "d" * 64, "e" * 64, "local")
GOOD = Verdict("spread", Outcome.PASSED, 1.5, 2.0, "300 requests", why="w", share={"a": 1.0}, requests=300, seconds=2.0)
POOR = Verdict("peak", Outcome.FAILED, 0.0, 4.0, "slow")
WHEN = "2026-03-01T10:00:00+00:00"


def made(*verdicts: Verdict, when: str = WHEN, seconds: float = 1.25) -> Record:
    return replace(new_record(KEY, verdicts, seconds, ["v1"] * len(verdicts)), judged_at=when)


def test_record_and_evidence_are_these_bytes_in_these_places(tmp_path: Path) -> None:
    records = tmp_path / "records"
    path = save_record(records, made(GOOD, POOR))
    assert path == records / "a-lab" / "alice" / f"{'d' * 20}-{'e' * 20}-local.json"
    rows = [
        {"check": "spread", "version": "v1", "outcome": "passed", "points": 1.5, "max_points": 2.0},
        {"check": "peak", "version": "v1", "outcome": "failed", "points": 0.0, "max_points": 4.0},
    ]
    assert path.read_text() == json.dumps({"schema": 2, "key": vars(KEY), "verdicts": rows}, indent=1)
    beside = tmp_path / "evidence" / "a-lab" / "alice" / path.name
    assert evidence_path(records, path) == beside
    told = {"schema": 2, "judged_at": WHEN, "seconds": 1.25, "verdicts": [GOOD.to_dict(), POOR.to_dict()]}
    assert beside.read_text() == json.dumps(told, indent=1)
    assert {stat.S_IMODE(file.stat().st_mode) for file in (path, beside)} == {0o600}


def test_a_new_record_is_of_now_and_knows_no_version_unless_told() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    record = new_record(KEY, [GOOD, POOR], 1.23456)
    assert before <= datetime.fromisoformat(record.judged_at) <= datetime.now(UTC)
    assert len(record.judged_at) == len(WHEN)
    assert (record.seconds, record.versions) == (1.235, ("", ""))
    assert (record.points, record.max_points) == (1.5, 6.0)


def test_a_lean_record_has_points_and_nothing_that_was_seen() -> None:
    bare = made(GOOD, POOR).lean()
    assert bare.verdicts == (
        Verdict("spread", Outcome.PASSED, 1.5, 2.0, ""),
        Verdict("peak", Outcome.FAILED, 0.0, 4.0, ""),
    )
    assert replace(bare, verdicts=(GOOD, POOR)) == made(GOOD, POOR)


def test_each_verdict_has_a_version() -> None:
    with pytest.raises(ValueError, match="zip"):
        replace(made(GOOD, POOR), versions=("v1",)).to_dict()


def test_where_evidence_is_gone_or_damaged_the_record_still_decides(tmp_path: Path) -> None:
    path = save_record(tmp_path / "records", made(GOOD, POOR))
    beside = evidence_path(tmp_path / "records", path)
    gone = Record(
        KEY,
        tuple(replace(bare, observed="What was seen is no longer kept.") for bare in made(GOOD, POOR).lean().verdicts),
        "",
        0.0,
        ("v1", "v1"),
    )
    whole = beside.read_text()
    for text in (None, "", "[]", "7", "null", "{}", '{"schema": 1}', '{"schema": 2}', whole.replace(WHEN, "")[:-3]):
        beside.unlink() if text is None else beside.write_text(text)
        assert read_record(tmp_path / "records", path) == gone
    beside.write_text(whole.replace('"schema": 2', '"schema": 1'))
    assert read_record(tmp_path / "records", path) == gone
    beside.write_text(whole)
    assert read_record(tmp_path / "records", path) == made(GOOD, POOR)


def test_evidence_of_one_check_is_that_one_s_and_points_are_the_record_s(tmp_path: Path) -> None:
    path = save_record(tmp_path / "records", made(GOOD, POOR))
    beside = evidence_path(tmp_path / "records", path)
    told = json.loads(beside.read_text())
    told["verdicts"] = [{**told["verdicts"][0], "points": 0.25, "max_points": 0.5, "outcome": "failed"}]
    beside.write_text(json.dumps(told))
    record = read_record(tmp_path / "records", path)
    assert record is not None
    assert record.verdicts == (GOOD, replace(POOR, observed="What was seen is no longer kept."))
    assert (record.judged_at, record.seconds) == (WHEN, 1.25)


def test_another_schema_is_named() -> None:
    data = made(GOOD).to_dict()
    with pytest.raises(ValueError, match=r"^schema 3, not 2$"):
        Record.from_dict({**data, "schema": 3})


def test_points_that_cannot_be_are_named() -> None:
    with pytest.raises(ValueError, match=r"^check spread: 2\.5 of 2\.0 points$"):
        sound(replace(GOOD, points=2.5))
    with pytest.raises(ValueError, match=r"^check spread: 1\.0 of inf points$"):
        sound(replace(GOOD, points=1.0, max_points=float("inf")))
    with pytest.raises(ValueError, match=r"^check spread: 1\.5 points, yet ours$"):
        sound(replace(GOOD, outcome=Outcome.OURS))
    for fine in (replace(GOOD, points=0.0), replace(GOOD, points=2.0), Verdict("x", Outcome.PASSED, 0.0, 0.0, "")):
        assert sound(fine) == fine


def test_who_was_judged_otherwise_before_has_both_records_and_both_evidences(tmp_path: Path) -> None:
    records = tmp_path / "records"
    stories = [
        made(replace(GOOD, points=points), when=WHEN.replace("10:", f"{hour}:"))
        for hour, points in ((12, 0.5), (11, 1.0), (13, 2.0))
    ]
    for record in stories:
        path = save_record(records, record)
    old = [records / "a-lab/alice/before" / f"{path.stem}-{number}.json" for number in (1, 2)]
    assert [file.is_file() for file in old] == [True, True]
    assert not (path.parent / "before" / f"{path.stem}-3.json").exists()
    assert [read_record(records, file) for file in [*old, path]] == stories
    assert all(evidence_path(records, file).is_file() for file in old)
    assert {stat.S_IMODE(file.stat().st_mode) for file in old} == {0o600}
    assert records_of(records, "a-lab", "alice") == (stories[1], stories[0], stories[2])
    assert records_of(records, "a-lab", "bob") == records_of(records, "b-lab", "alice") == ()


def test_the_same_verdicts_again_replace_nothing(tmp_path: Path) -> None:
    records = tmp_path / "records"
    save_record(records, made(GOOD))
    path = save_record(records, made(GOOD, when=WHEN.replace("10:", "11:")))
    assert not (path.parent / "before").exists()
    assert load_record(records, KEY) == made(GOOD, when=WHEN.replace("10:", "11:"))


def test_an_older_record_is_kept_though_its_evidence_is_gone(tmp_path: Path) -> None:
    records = tmp_path / "records"
    path = save_record(records, made(GOOD))
    evidence_path(records, path).unlink()
    save_record(records, made(replace(GOOD, points=0.0)))
    assert [record.points for record in records_of(records, "a-lab", "alice")] == [1.5, 0.0]


def test_a_damaged_record_among_others_is_passed_over(tmp_path: Path) -> None:
    records = tmp_path / "records"
    path = save_record(records, made(GOOD))
    (path.parent / "before").mkdir()
    (path.parent / "before" / "x-y-1.json").write_text("{")
    (path.parent / "notes.txt").write_text("not ours")
    assert records_of(records, "a-lab", "alice") == (made(GOOD),)


def test_a_record_in_anothers_place_is_not_theirs(tmp_path: Path) -> None:
    path = save_record(tmp_path / "records", made(GOOD))
    bob = replace(KEY, student="bob")
    write_whole(bob.path(tmp_path / "records"), path.read_bytes())
    assert load_record(tmp_path / "records", bob) is None


def test_a_file_is_written_over_and_its_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    for data in (b"one", b"three"):
        write_whole(path, data)
        assert path.read_bytes() == data
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def test_a_record_without_checks_that_are_numbers_is_not_written(tmp_path: Path) -> None:
    odd = replace(made(GOOD), verdicts=(replace(GOOD, seconds=float("nan")),))
    with pytest.raises(ValueError, match="JSON compliant"):
        save_record(tmp_path / "records", odd)
    worse = replace(made(GOOD), verdicts=(replace(GOOD, points=float("nan")),))
    with pytest.raises(ValueError, match="JSON compliant"):
        save_record(tmp_path / "records", worse)
    assert load_record(tmp_path / "records", KEY) is None


def test_a_record_that_cannot_be_written_moves_no_earlier_one(tmp_path: Path) -> None:
    path = save_record(tmp_path / "records", made(GOOD))
    with pytest.raises(ValueError, match="JSON compliant"):
        save_record(tmp_path / "records", replace(made(GOOD), verdicts=(replace(GOOD, points=float("nan")),)))
    assert not (path.parent / "before").exists()
    assert load_record(tmp_path / "records", KEY) == made(GOOD)
