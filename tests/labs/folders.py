"""What a lab's folder is asked in a quick test: everything of a right one, of a wrong one what it is wrong about."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.verdict import Outcome
from autograder.labs.verify import expectations, prove
from autograder.stack.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from autograder.labs.lab import Lab
    from autograder.labs.proofs import Expected

AT_ONCE = 4
"""How many folders are examined at a time where checks wait for most of theirs."""
Found = dict[str, Future[list[str]]]


def faults(lab: Lab, expected: Expected) -> list[str]:
    """Where a folder gets something else than it must. To ask all of a wrong one is for ``verify``."""
    if expected.kind in ("reference", "other way"):
        return list(prove(lab, expected).faults)
    asked = [check for check, outcome in expected.outcomes.items() if outcome == Outcome.FAILED]
    verdicts = examine(lab, lab.read(expected.folder), checks=asked)
    named = {cause.mistake for verdict in verdicts for cause in verdict.causes}
    wrong = [f"{one.check} {one.outcome}: {one.observed}" for one in verdicts if one.outcome is not Outcome.FAILED]
    return wrong + [f"{mistake} is not named" for mistake in expected.diagnosis if mistake not in named]


@contextmanager
def side_by_side(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Found]:
    """The faults of all folders that the module's tests name as ``folder``, found beside each other.

    For labs whose checks wait more than they compute. The tests must be a group, else each worker examines all.
    """
    mine = [item for item in request.session.items if item.path == request.path]
    told = [item.callspec.params for item in mine if hasattr(item, "callspec")]
    names = [params["folder"] for params in told if "folder" in params]
    with Workers(AT_ONCE) as workers:
        yield {name: workers.submit(_faults_of, lab.slug, name) for name in names}


def _faults_of(slug: str, folder: str) -> list[str]:
    lab = load_lab(slug)
    (expected,) = (case for case in expectations(lab) if case.name == folder)
    return faults(lab, expected)
