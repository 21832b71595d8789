"""From a submission to a verdict record: submission bytes in, plain data out.

:func:`judge` is what a grading worker runs. It touches no folder and no gradebook, takes and returns picklable data, so
it runs in this process, in a pool on a laptop or on a cluster unchanged.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from autograder.errors import ManyHandsError
from autograder.grading.intake import take_in
from autograder.grading.record import Key, Record, load_record, new_record, save_record, sound
from autograder.grading.settings import Places
from autograder.grading.submission import Refused, Submission
from autograder.labs.catalogue import load_lab
from autograder.labs.lab import Lab
from autograder.labs.verdict import Outcome, Verdict
from autograder.stack.engine import EngineError

TRIES = 3
"""How often a check that *we* failed is tried in all."""

Judge = Callable[[str, Mapping[str, bytes], str], list[dict[str, Any]]]
"""Lab, files, engine → a verdict (as plain data) for each check; raises for what is our fault."""


class OursError(ManyHandsError):
    """A submission could not be judged, and it is not the learner's fault: no grade is written."""


def judge(slug: str, files: Mapping[str, bytes], engine: str) -> list[dict[str, Any]]:
    """Judge the ``files`` of a submission on a fresh twin; the verdicts in the order of the lab's checks.

    Raises:
        OursError: after :data:`TRIES` tries some check still had no verdict through our fault.
    """
    from autograder.labs.examiner import examine

    lab = load_lab(slug)
    why = ""
    for attempt in range(TRIES):
        try:
            verdicts = examine(lab, files, engine=engine, seed=seed_of(files))
            why = _not_an_answer(lab, verdicts)
        except EngineError as error:
            why = str(error)
        if not why:
            return [verdict.to_dict() for verdict in verdicts]
        if attempt + 1 < TRIES:
            time.sleep(0.2 * 3**attempt)  # a busy machine is the likeliest reason
    raise OursError(
        "the submission could not be judged, through no fault of its author",
        where=slug,
        why=why,
        remedy="./manyhands doctor, then run the same command again",
    )


def seed_of(files: Mapping[str, bytes]) -> int:
    """The seed of a submission's traffic: never 0, which is what learners see, and the same when judged again."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(f"{path}:{len(files[path])}:".encode() + files[path])
    return 1 + int.from_bytes(total.digest()[:4])


def verdicts_on(submission: Submission, lab: Lab, engine: str, ask: Judge = judge) -> tuple[Verdict, ...]:
    """The verdicts on a submission: refused files are told as such, everything else is judged.

    Raises:
        OursError: see :func:`judge`.
    """
    if submission.refused:
        return refusals(lab, submission.refused)
    return tuple(Verdict.from_dict(data) for data in ask(lab.slug, submission.files, engine))


def refusals(lab: Lab, refused: tuple[Refused, ...]) -> tuple[Verdict, ...]:
    """One verdict a check: the submission cannot be judged, and why."""
    seen = "; ".join(f"{entry.path} was not taken: {entry.reason}" for entry in refused)
    advice = "Hand in plain files with the names the lab gives them."
    return tuple(
        Verdict(check.name, Outcome.UNJUDGED, 0.0, check.points, observed=seen, next=advice) for check in lab.checks
    )


def key_of(submission: Submission, lab: Lab, engine: str) -> Key:
    """What the verdict on ``submission`` depends on."""
    return Key(lab.slug, submission.student, submission.digest, lab.version, engine)


def obtain(places: Places, lab: Lab, student: str, engine: str) -> Record:
    """The record for what ``student`` handed in: the one on disk, or judged here and now.

    Raises:
        OursError: see :func:`judge`.
    """
    submission = take_in(places, lab, student)
    key = key_of(submission, lab, engine)
    found = load_record(places.records, key)
    if found is not None:
        return found
    began = time.monotonic()
    record = new_record(key, verdicts_on(submission, lab, engine), time.monotonic() - began)
    save_record(places.records, record)
    return record


def _not_an_answer(lab: Lab, verdicts: tuple[Verdict, ...]) -> str:
    """The reason why these verdicts may not be written down, or nothing."""
    names = [verdict.check for verdict in verdicts]
    if names != [check.name for check in lab.checks]:
        return f"the examiner answered for {names}"
    for verdict in verdicts:
        if verdict.outcome is Outcome.OURS:
            return f"check {verdict.check}: {verdict.why or verdict.observed}"
        try:
            sound(verdict)
        except ValueError as error:
            return str(error)
    return ""
