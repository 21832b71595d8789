"""A record of verdicts that was cut short, edited, or is of another version."""

from __future__ import annotations

import functools
import math
import tempfile
from pathlib import Path

from tests.fuzz import harness


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="fuzz-record-")


def one(data: bytes) -> None:
    """It is a sound record or none: points are finite, and never more than there are."""
    from autograder.grading.record import Key, load_record

    records = Path(_folder().name) / "records"
    key = Key("spread", "alice", "a" * 64, "b" * 64, "local")
    path = key.path(records)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    record = load_record(records, key)
    if record is not None:
        assert record.key == key
        assert math.isfinite(record.points)
        assert 0 <= record.points <= record.max_points


if __name__ == "__main__":
    harness.main("record")
