"""Which variant of the labs each student of a class has: the class's seed, kept in the class folder.

The seed is made when the class is prepared. It is no secret worth keeping, but nobody's to choose: neighbours may know
each other's variant, and cannot hand in for another than their own, because grading takes the student's name from where
nbgrader put the submission and the seed from here.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from typing import Final

from autograder.errors import ManyHandsError
from autograder.grading.record import write_whole
from autograder.grading.settings import Places
from autograder.labs.lab import Lab, Variant

SEED = "MANYHANDS_SEED"
"""Environment variable with the seed of a new class, or :data:`NONE`."""
NONE: Final = "none"
"""The word for a class where everybody has the labs as they are written."""
_FILE: Final = "variants.json"


def same_rules(places: Places, lab: Lab) -> bool:
    """Whether the lab's variants are drawn as they were when this class first had them; notes how, the first time.

    Copies that were handed out are not made anew. If the rules are others now, their owners are graded against names
    they never saw.
    """
    path = places.course / _FILE
    if lab.rules is None or not class_seed(places):
        return True
    data = json.loads(path.read_text(encoding="utf-8"))
    known = data.setdefault("rules", {})
    now = repr((lab.rules, [start.folder for start in lab.starts], [server.name for server in lab.stack.servers]))
    digest = hashlib.sha256(now.encode()).hexdigest()[:12]
    if lab.slug not in known:
        known[lab.slug] = digest
        write_whole(path, (json.dumps(data) + "\n").encode())
    return bool(known[lab.slug] == digest)


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
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        # Going on without it would judge the whole class against other labs than they were given.
        raise ManyHandsError(
            "the class's seed cannot be read",
            where=str(path),
            why=str(error),
            remedy='put back {"seed": "…"} as it was; every lab that was handed out has it in .lab/class.json',
        ) from error
    return seed


def settle_seed(places: Places, wish: str | None, *, new: bool) -> str:
    """The class's seed, decided now if the class is ``new``: ``wish``, the environment's, or one made at random.

    A class that was made without one stays without. :data:`NONE` wishes for none.

    Raises:
        ManyHandsError: the class has another seed than the one that is wished for.
    """
    wish = wish if wish is not None else os.environ.get(SEED, "")
    known = class_seed(places)
    if not new:
        if wish and ("" if wish == NONE else wish) != known:
            raise ManyHandsError(
                "this class has " + (f"the seed {known}" if known else "no variants") + f", and {wish!r} is asked for",
                where=str(places.course),
                why="labs have been handed out and would be graded against others",
                remedy="leave the seed out, or begin a new class: MANYHANDS_HOME=DIR ./manyhands up",
            )
        return known
    seed = "" if wish == NONE else wish or secrets.token_hex(8)
    write_whole(places.course / _FILE, (json.dumps({"seed": seed}) + "\n").encode())
    return seed
