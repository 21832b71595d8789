"""What a lab's folder is asked in a quick test: everything of a right one, of a wrong one what it is wrong about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.labs.examiner import examine
from autograder.labs.verdict import Outcome
from autograder.labs.verify import prove

if TYPE_CHECKING:
    from autograder.labs.lab import Lab
    from autograder.labs.proofs import Expected


def faults(lab: Lab, expected: Expected) -> list[str]:
    """Where a folder gets something else than it must. To ask all of a wrong one is for ``verify``."""
    if expected.kind in ("reference", "other way"):
        return list(prove(lab, expected).faults)
    asked = [check for check, outcome in expected.outcomes.items() if outcome == Outcome.FAILED]
    verdicts = examine(lab, lab.read(expected.folder), checks=asked)
    named = {cause.mistake for verdict in verdicts for cause in verdict.causes}
    wrong = [f"{one.check} {one.outcome}: {one.observed}" for one in verdicts if one.outcome is not Outcome.FAILED]
    return wrong + [f"{mistake} is not named" for mistake in expected.diagnosis if mistake not in named]
