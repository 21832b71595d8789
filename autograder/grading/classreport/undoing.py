"""Taking a student's own variant of a lab back out of what they handed in, so that work can be compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from autograder.grading.classreport.oddities import text_of
from autograder.grading.classreport.reading import Undo
from autograder.grading.settings import Places
from autograder.grading.variants import class_seed
from autograder.labs.lab import Lab, Variant
from autograder.labs.rewriting import Rewriting
from autograder.labs.variants import vary


def undo_for(places: Places, lab: Lab) -> Undo | None:
    """What takes each student's variant out of their files; None where everybody has the lab as written.

    Raises:
        ManyHandsError: the class's seed cannot be read.
    """
    seed = class_seed(places)
    if not seed or lab.rules is None:
        return None
    return partial(_undo, lab, seed)


def _undo(lab: Lab, seed: str, student: str, files: Mapping[str, bytes]) -> tuple[Mapping[str, str], tuple[str, ...]]:
    own = vary(lab, Variant(seed, student))
    back = inverse(own.rewriting)
    return {name: back.text(text_of(data)) for name, data in files.items()}, strangers(own, files)


def strangers(own: Lab, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Servers that the files name and that only other students' variants of the lab have; ``own`` is the student's."""
    families = own.rules.families if own.rules else ()
    others = {name for family in families for name in family} - {server.name for server in own.stack.servers}
    said = b"\n".join(files.values())
    return tuple(sorted(name for name in others if re.search(rb"(?<![\w.-])%s(?![\w.-])" % name.encode(), said)))


def inverse(rewriting: Rewriting) -> Rewriting:
    """What turns a rewritten text back, as far as can be told: servers that stand for one become that one again."""
    names = {new: old for old, new in rewriting.names.items()}
    names |= dict.fromkeys(rewriting.repeats, rewriting.repeat)
    return Rewriting(texts={new: old for old, new in rewriting.texts.items()}, names=names)
