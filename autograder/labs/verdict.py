"""What a check says: outcome, points, and the three parts every verdict has."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from autograder.mistakes.finding import Finding


class Outcome(StrEnum):
    """Three outcomes, never mixed, and the good one."""

    PASSED = "passed"
    """What the check asks for was observed."""
    FAILED = "failed"
    """The learner's work runs and does something else."""
    UNJUDGED = "unjudged"
    """The submission cannot be judged (a file is missing, the config broken, over a limit): zero, and the reason."""
    OURS = "ours"
    """We failed (infrastructure): the check stays ungraded and is reported; never a zero."""


@dataclass(frozen=True)
class Verdict:
    """The answer to one check.

    ``points`` is what was earned of ``max_points``; ``share`` maps server → part of all answered requests, and ``fair``
    what it should be.
    """

    check: str
    outcome: Outcome
    points: float
    max_points: float
    observed: str
    """What was seen, in numbers."""
    why: str = ""
    """The reason, with ``file:line`` where it is known."""
    next: str = ""
    """What to try next; grows with attempts; never the answer itself."""
    share: dict[str, float] = field(default_factory=dict)
    fair: dict[str, float] = field(default_factory=dict)
    requests: int = 0
    failed: int = 0
    causes: tuple[Finding, ...] = ()
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the inverse of :meth:`from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Verdict:
        """The verdict that :meth:`to_dict` wrote."""
        return cls(
            **{
                **data,
                "outcome": Outcome(data["outcome"]),
                "causes": tuple(
                    Finding(**{**cause, "column": tuple(cause["column"])}) for cause in data.get("causes", ())
                ),
            }
        )
