"""Verdict records: what was judged, with what, and the verdicts; a JSON file each.

A record's name holds the digests of everything that decided it, so nothing is judged twice and nothing stale is
believed: another file, another version of the lab's checks, another engine make another name.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.labs.verdict import Outcome, Verdict

SCHEMA = 1


@dataclass(frozen=True)
class Key:
    """What a verdict depends on."""

    lab: str
    student: str
    submission: str
    """Digest of the submitted files."""
    lab_version: str
    engine: str

    def path(self, records: Path) -> Path:
        """Where the record is, under the course's ``records`` folder."""
        name = f"{self.submission[:20]}-{self.lab_version[:20]}-{self.engine}.json"
        return records / self.lab / self.student / name


@dataclass(frozen=True)
class Record:
    """The verdicts on one submission, one for each check of the lab."""

    key: Key
    verdicts: tuple[Verdict, ...]
    judged_at: str
    """ISO 8601, UTC."""
    seconds: float

    @property
    def points(self) -> float:
        """The sum over the checks."""
        return math.fsum(verdict.points for verdict in self.verdicts)

    @property
    def max_points(self) -> float:
        """What could be had."""
        return math.fsum(verdict.max_points for verdict in self.verdicts)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the inverse of :meth:`from_dict`."""
        return {
            "schema": SCHEMA,
            "key": vars(self.key),
            "judged_at": self.judged_at,
            "seconds": self.seconds,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Record:
        """The record that :meth:`to_dict` wrote.

        Raises:
            ValueError: it is of another schema, or its points are no points.
        """
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']}, not {SCHEMA}")
        verdicts = tuple(sound(Verdict.from_dict(verdict)) for verdict in data["verdicts"])
        return cls(Key(**data["key"]), verdicts, str(data["judged_at"]), float(data["seconds"]))


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


def new_record(key: Key, verdicts: Sequence[Verdict], seconds: float) -> Record:
    """A record of now."""
    return Record(key, tuple(map(sound, verdicts)), datetime.now(UTC).isoformat(timespec="seconds"), round(seconds, 3))


def load_record(records: Path, key: Key) -> Record | None:
    """The record of ``key``, or None when there is none or it is no sound record (it is then judged again)."""
    try:
        record = Record.from_dict(json.loads(key.path(records).read_bytes()))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return record if record.key == key else None


def save_record(records: Path, record: Record) -> Path:
    """Write the record: whole or not at all, even when the machine stops. Returns its path."""
    path = record.key.path(records)
    write_whole(path, json.dumps(record.to_dict(), indent=1, allow_nan=False).encode())
    return path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is found with the old contents or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        Path(fresh).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(fresh).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
