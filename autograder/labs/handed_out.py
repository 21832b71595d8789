"""The notes in a lab folder that say which class it is from and whose it is; only what a learner sees follows them.

``.lab/class.json`` comes with the release and has the class's seed. ``.lab/variant.json`` is made when a copy becomes
somebody's own. Grading reads neither: a learner who changes them practises on another lab than the one they are
graded on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from autograder.labs.lab import Variant

if TYPE_CHECKING:
    from pathlib import Path

CLASS_NOTE: Final = ".lab/class.json"
OWN_NOTE: Final = ".lab/variant.json"


def class_note(seed: str) -> bytes:
    """What a released lab says of its class."""
    return _dump({"seed": seed})


def seed_in(folder: Path) -> str:
    """The seed of the class that a copy of a lab is from; empty if it says none."""
    return _text(folder, CLASS_NOTE, "seed")


def own_note(variant: Variant) -> bytes:
    """What a learner's own copy says of whose it is."""
    return _dump({"seed": variant.seed, "student": variant.student})


def variant_in(folder: Path) -> Variant | None:
    """Whose copy of a lab ``folder`` is; None for the lab as it is written."""
    seed, student = (_text(folder, OWN_NOTE, key) for key in ("seed", "student"))
    return Variant(seed, student) if seed and student else None


def _text(folder: Path, name: str, key: str) -> str:
    try:
        value = json.loads((folder / name).read_text(encoding="utf-8"))[key]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # as deep as somebody likes
        return ""
    return value if isinstance(value, str) else ""


def _dump(data: dict[str, str]) -> bytes:
    return (json.dumps(data, indent=1) + "\n").encode()
