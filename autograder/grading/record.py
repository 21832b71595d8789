"""Verdict records: what was judged, with what, and what it came to; and, beside each, the evidence.

A record's name holds the digests of everything that decided it, so nothing is judged twice and nothing stale is
believed: another file, another version of the lab's checks, another engine make another name. A record holds nothing
else, no time, no count, no machine: a class graded here, there or on a cluster has the same records, byte for byte.
What was seen (shares, counts, words, times) differs a little from run to run; it is kept in a file of its own.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.durable import write_durably
from autograder.labs.verdict import Outcome, Verdict

SCHEMA = 2


@dataclass(frozen=True)
class Key:
    """What a verdict depends on."""

    lab: str
    student: str
    submission: str
    """Digest of the submitted files."""
    lab_version: str
    """Digest of the lab's checks, as the student has them: of their own variant."""
    engine: str

    @property
    def name(self) -> str:
        """The record's file name."""
        return f"{self.submission[:20]}-{self.lab_version[:20]}-{self.engine}.json"

    def path(self, records: Path) -> Path:
        """Where the record is, under the course's ``records`` folder."""
        return records / self.lab / self.student / self.name


@dataclass(frozen=True)
class Record:
    """The verdicts on one submission, one for each check of the lab."""

    key: Key
    verdicts: tuple[Verdict, ...]
    """With the evidence, where that is still there."""
    judged_at: str
    """ISO 8601, UTC; empty when the evidence is gone."""
    seconds: float
    versions: tuple[str, ...] = ()
    """Of each verdict's check (:func:`autograder.grading.versions.check_version`)."""

    @property
    def points(self) -> float:
        """The sum over the checks."""
        return math.fsum(verdict.points for verdict in self.verdicts)

    @property
    def max_points(self) -> float:
        """What could be had."""
        return math.fsum(verdict.max_points for verdict in self.verdicts)

    def to_dict(self) -> dict[str, Any]:
        """The record proper, as plain data: what decides the grade, and nothing that differs from run to run."""
        return {
            "schema": SCHEMA,
            "key": vars(self.key),
            "verdicts": [
                {
                    "check": verdict.check,
                    "version": version,
                    "outcome": str(verdict.outcome),
                    "points": float(verdict.points),
                    "max_points": float(verdict.max_points),
                }
                for verdict, version in zip(self.verdicts, self.versions, strict=True)
            ],
        }

    def evidence(self) -> dict[str, Any]:
        """What was seen, as plain data."""
        return {
            "schema": SCHEMA,
            "judged_at": self.judged_at,
            "seconds": self.seconds,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
        }

    def lean(self) -> Record:
        """The record without its evidence: a class of thousands is kept in memory like this."""
        bare = tuple(Verdict(v.check, v.outcome, v.points, v.max_points, "") for v in self.verdicts)
        return replace(self, verdicts=bare)

    @classmethod
    def from_dict(cls, data: dict[str, Any], evidence: dict[str, Any] | None = None) -> Record:
        """The record that :meth:`to_dict` wrote, with what :meth:`evidence` did. The record decides, always.

        Raises:
            ValueError: it is of another schema, or its points are no points.
        """
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']}, not {SCHEMA}")
        seen = _by_check(evidence)
        verdicts = []
        for row in data["verdicts"]:
            outcome, points, most = Outcome(row["outcome"]), float(row["points"]), float(row["max_points"])
            told = seen.get(row["check"])
            told = (
                replace(told, outcome=outcome, points=points, max_points=most)
                if told
                else Verdict(row["check"], outcome, points, most, _GONE)
            )
            verdicts.append(sound(told))
        versions = tuple(str(row["version"]) for row in data["verdicts"])
        judged_at = str(evidence["judged_at"]) if evidence and seen else ""
        seconds = float(evidence["seconds"]) if evidence and seen else 0.0
        return cls(Key(**data["key"]), tuple(verdicts), judged_at, seconds, versions)


_GONE = "What was seen is no longer kept."


def sound(verdict: Verdict) -> Verdict:
    """``verdict``, if its points are points. nbgrader gives full marks for a negative or NaN score.

    Raises:
        ValueError: they are not in 0 … max_points, not finite, or there are points where none can be.
    """
    points, most = verdict.points, verdict.max_points
    if not (math.isfinite(points) and math.isfinite(most) and 0 <= points <= most):
        raise ValueError(f"check {verdict.check}: {points} of {most} points")
    if points and verdict.outcome in (Outcome.UNJUDGED, Outcome.OURS):
        raise ValueError(f"check {verdict.check}: {points} points, yet {verdict.outcome}")
    return verdict


def new_record(key: Key, verdicts: Sequence[Verdict], seconds: float, versions: Sequence[str] = ()) -> Record:
    """A record of now."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Record(
        key, tuple(map(sound, verdicts)), now, round(seconds, 3), tuple(versions) or ("",) * len(tuple(verdicts))
    )


def load_record(records: Path, key: Key) -> Record | None:
    """The record of ``key``, or None when there is none or it is no sound record (it is then judged again)."""
    record = read_record(records, key.path(records))
    return record if record is not None and record.key == key else None


def read_record(records: Path, path: Path) -> Record | None:
    """The record in the file ``path`` under the ``records`` folder, or None when there is no sound one."""
    try:
        data = json.loads(path.read_bytes())
        try:
            return Record.from_dict(data, json.loads(evidence_path(records, path).read_bytes()))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return Record.from_dict(data)  # without: what it came to is known, and is not judged again
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def records_of(records: Path, lab: str, student: str) -> tuple[Record, ...]:
    """Every sound record of a student's for a lab, the oldest first; records that replaced others included."""
    folder = records / lab / student
    paths = [*sorted(folder.glob("before/*-*.json")), *sorted(folder.glob("*-*.json"))]
    found = [record for path in paths if (record := read_record(records, path)) is not None]
    return tuple(sorted(found, key=lambda record: record.judged_at))


def evidence_path(records: Path, record: Path) -> Path:
    """Where the evidence for the file ``record`` under ``records`` is: the folder ``evidence`` beside that one."""
    return records.with_name("evidence") / record.relative_to(records)


def save_record(records: Path, record: Record) -> Path:
    """Write evidence, then record: each whole or not at all, even when the machine stops. Returns the record's path.

    A record of the same name that says otherwise is not lost: it moves into the folder ``before``.
    """
    path = record.key.path(records)
    data = json.dumps(record.to_dict(), indent=1, allow_nan=False).encode()
    _keep_old(records, path, data)
    write_whole(evidence_path(records, path), json.dumps(record.evidence(), indent=1, allow_nan=False).encode())
    write_whole(path, data)
    return path


def _keep_old(records: Path, path: Path, data: bytes) -> None:
    try:
        old = path.read_bytes()
    except OSError:
        return
    if old == data:
        return
    folder = path.parent / "before"
    number = 1
    while (kept := folder / f"{path.stem}-{number}.json").exists():
        number += 1
    with contextlib.suppress(OSError):
        write_whole(evidence_path(records, kept), evidence_path(records, path).read_bytes())
    write_whole(kept, old)


def _by_check(evidence: dict[str, Any] | None) -> dict[str, Verdict]:
    if not evidence or evidence.get("schema") != SCHEMA:
        return {}
    return {row["check"]: Verdict.from_dict(row) for row in evidence["verdicts"]}


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, in a folder that is made if it is missing, so that it is found with the old contents or the new.

    Nobody but its owner may read it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, data, 0o600)
