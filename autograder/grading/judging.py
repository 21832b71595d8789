"""From a submission to a verdict record: submission bytes in, plain data out.

:func:`judge` is what a grading worker runs. It touches no folder and no gradebook, takes and returns picklable data, so
it runs in this process, in a pool on a laptop or on a cluster unchanged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from autograder.errors import ManyHandsError
from autograder.grading.intake import take_in
from autograder.grading.record import Key, Record, load_record, new_record, records_of, save_record, sound
from autograder.grading.secret import class_secret, seed_of
from autograder.grading.settings import Places
from autograder.grading.submission import Refused, Submission
from autograder.grading.variants import variant_of
from autograder.grading.versions import check_versions, lab_version
from autograder.labs.catalogue import load_lab
from autograder.labs.lab import Lab, Variant
from autograder.labs.verdict import Outcome, Verdict
from autograder.stack.engine import EngineError

TRIES = 3
"""How often a check that *we* failed is tried in all."""

Verdicts = list[dict[str, Any]]
"""A verdict (as plain data) for each check that was asked for, in the lab's order."""


@dataclass(frozen=True)
class Task:
    """A submission to judge: plain data, for another process or another machine."""

    lab: str
    files: Mapping[str, bytes]
    seed: int
    """Decides the traffic (:func:`autograder.grading.secret.seed_of`)."""
    engine: str = "local"
    variant: Variant | None = None
    checks: tuple[str, ...] = ()
    """Names of the checks to judge; none means all."""


Judge = Callable[[Task], Verdicts]
"""Raises for what is our fault."""


class OursError(ManyHandsError):
    """A submission could not be judged, and it is not the learner's fault: no grade is written."""


def judge(task: Task) -> Verdicts:
    """Judge the files of a submission on a fresh twin.

    Raises:
        OursError: after :data:`TRIES` tries some check still had no verdict through our fault.
    """
    from autograder.labs.examiner import examine

    lab = load_lab(task.lab, task.variant)
    names = task.checks or tuple(check.name for check in lab.checks)
    why = ""
    for attempt in range(TRIES):
        try:
            verdicts = examine(lab, task.files, engine=task.engine, checks=names, seed=task.seed)
            why = _not_an_answer(names, verdicts)
        except EngineError as error:
            why = str(error)
        if not why:
            return [verdict.to_dict() for verdict in verdicts]
        if attempt + 1 < TRIES:
            time.sleep(0.2 * 3**attempt)  # a busy machine is the likeliest reason
    raise OursError(
        "the submission could not be judged, through no fault of its author",
        where=task.lab,
        why=why,
        remedy="./manyhands doctor, then run the same command again",
    )


def refusals(lab: Lab, refused: tuple[Refused, ...]) -> tuple[Verdict, ...]:
    """One verdict a check: the submission cannot be judged, and why."""
    seen = "; ".join(f"{entry.path} was not taken: {entry.reason}" for entry in refused)
    advice = "Hand in plain files with the names the lab gives them."
    return tuple(
        Verdict(check.name, Outcome.UNJUDGED, 0.0, check.points, observed=seen, next=advice) for check in lab.checks
    )


def key_of(submission: Submission, lab: Lab, engine: str) -> Key:
    """What the verdict on ``submission`` depends on; ``lab`` is the student's own variant."""
    return Key(lab.slug, submission.student, submission.digest, lab_version(lab), engine)


def still_good(places: Places, lab: Lab, key: Key) -> dict[str, Verdict]:
    """Check → its verdict on the same submission from an earlier record, for the checks that did not change since."""
    versions = check_versions(lab)
    found: dict[str, Verdict] = {}
    for record in records_of(places.records, key.lab, key.student):
        if (record.key.submission, record.key.engine) == (key.submission, key.engine):
            for verdict, version in zip(record.verdicts, record.versions, strict=True):
                if versions.get(verdict.check) == version:
                    found[verdict.check] = verdict
    return found


def complete(lab: Lab, key: Key, kept: Mapping[str, Verdict], fresh: Verdicts) -> Record:
    """A record of the verdicts ``kept`` and of the ``fresh`` ones, which nobody has looked at yet.

    Raises:
        ValueError: the fresh ones are no sound verdicts on the checks that are missing.
    """
    told = dict(kept)
    for row in fresh:
        try:
            verdict = sound(Verdict.from_dict(row))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"this is no verdict: {type(error).__name__}: {error}") from error
        if verdict.check in told or verdict.outcome is Outcome.OURS:
            raise ValueError(f"nobody asked for a verdict on {verdict.check!r}, or there is none")
        told[verdict.check] = verdict
    points = {check.name: check.points for check in lab.checks}
    if told.keys() != points.keys():
        raise ValueError(f"verdicts on {sorted(told)}, where the checks are {sorted(points)}")
    for name, verdict in told.items():
        if verdict.max_points != points[name]:
            raise ValueError(f"check {name}: a verdict for {verdict.max_points} points, where it has {points[name]}")
    verdicts = [told[name] for name in points]
    seconds = sum(verdict.seconds for name, verdict in told.items() if name not in kept)
    return new_record(key, verdicts, seconds, tuple(check_versions(lab).values()))


def obtain(places: Places, slug: str, student: str, engine: str, ask: Judge = judge) -> tuple[Record, Submission]:
    """The record for what ``student`` handed in (the one on disk, or judged here and now), and what that was.

    Raises:
        OursError: see :func:`judge`.
        ManyHandsError: the class's seed or its secret cannot be read.
    """
    lab = load_lab(slug, variant_of(places, student))
    submission = take_in(places, lab, student)
    key = key_of(submission, lab, engine)
    found = load_record(places.records, key)
    if found is not None:
        return found, submission
    kept: dict[str, Verdict] = {}
    if submission.refused:
        fresh = [verdict.to_dict() for verdict in refusals(lab, submission.refused)]
    else:
        kept = still_good(places, lab, key)
        missing = tuple(check.name for check in lab.checks if check.name not in kept)
        seed = seed_of(class_secret(places), submission.files)
        fresh = ask(Task(slug, submission.files, seed, engine, lab.variant, missing)) if missing else []
    record = complete(lab, key, kept, fresh)
    save_record(places.records, record)
    return record, submission


def _not_an_answer(names: tuple[str, ...], verdicts: tuple[Verdict, ...]) -> str:
    """The reason why these verdicts may not be written down, or nothing."""
    told = [verdict.check for verdict in verdicts]
    if told != list(names):
        return f"the examiner answered for {told}"
    for verdict in verdicts:
        if verdict.outcome is Outcome.OURS:
            return f"check {verdict.check}: {verdict.why or verdict.observed}"
        try:
            sound(verdict)
        except ValueError as error:
            return str(error)
    return ""
