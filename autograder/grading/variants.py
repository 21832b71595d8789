"""Which variant of the labs each student of a class has: the class's seed, kept in the class folder.

The seed is made when the class is prepared. It is no secret worth keeping, but nobody's to choose: neighbours may know
each other's variant, and cannot hand in for another than their own, because grading takes the student's name from where
nbgrader put the submission and the seed from here.
"""

from __future__ import annotations

import json
from typing import Final

from autograder.errors import ManyHandsError
from autograder.grading.settings import Places
from autograder.labs.lab import Variant

_FILE: Final = "variants.json"


def variant_of(places: Places, student: str) -> Variant | None:
    """The variant that ``student`` is graded against; None in a class where everybody has the labs as written.

    Raises:
        ManyHandsError: the file that holds the seed cannot be read.
    """
    seed = class_seed(places)
    return Variant(seed, student) if seed else None


def class_seed(places: Places) -> str:
    """The class's seed; empty in a class without variants. Raises :class:`ManyHandsError` if it cannot be read."""
    path = places.course / _FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        seed = data["seed"]
        if not isinstance(seed, str):
            raise TypeError("the seed is no text")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        # Going on without it would judge the whole class against other labs than they were given.
        raise ManyHandsError(
            "the class's seed cannot be read",
            where=str(path),
            why=str(error),
            remedy='put back {"seed": "…"} as it was; every lab that was handed out has it in .lab/variant.json',
        ) from error
    return seed
