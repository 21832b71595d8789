"""What came of a drill. Plain data, and the judgement."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from autograder.guard.drill.durations import in_words

Kind = Literal["rollback", "restore"]
Outcome = Literal["done", "failed", "too-long", "by-a-person", "not-reached"]


@dataclass(frozen=True)
class Targets:
    """What somebody promised: seconds until all is well, and seconds of changes that may be lost; None for nothing."""

    rto_s: float | None = None
    rpo_s: float | None = None


@dataclass(frozen=True)
class StepDone:
    """One step. ``began_s`` is seconds after the break; ``seconds`` are measured, or what a person takes as declared.

    ``said`` is what it wrote last.
    """

    name: str
    outcome: Outcome
    began_s: float
    seconds: float
    exit_code: int | None = None
    said: str = ""
    may_fail: bool = False

    @property
    def fine(self) -> bool:
        """Whether it did what it should."""
        return self.outcome in ("done", "by-a-person") or (self.may_fail and self.outcome == "failed")


@dataclass(frozen=True)
class Drill:
    """A drill that was played to its end. Times are seconds after the break unless they say otherwise.

    ``machine_s`` is when all was well, by the clock; ``people_s`` what people take until then, as the runbook declares;
    ``machine_s`` is None if it never was. ``noticed`` says how the break showed. ``differs`` is what lies on disk and
    should not, ``lost`` what of the config the restore did not bring back. ``age_s`` is how old that was which it
    brought back (None for a rollback, which loses nothing).
    """

    kind: Kind
    config: str
    proxy: str
    runbook: str
    steps: tuple[StepDone, ...]
    noticed: str
    noticed_s: float
    machine_s: float | None
    people_s: float
    requests: int
    requests_lost: int
    still: str
    differs: tuple[str, ...]
    lost: tuple[str, ...]
    saved: str
    age_s: float | None
    targets: Targets
    rate: float
    slice_s: float
    notes: tuple[str, ...] = ()

    @property
    def rto_s(self) -> float | None:
        """From the break until all was well, people's time included; None if it never was."""
        return None if self.machine_s is None else self.machine_s + self.people_s

    @property
    def rpo_s(self) -> float:
        """How old that is which was restored, if anything is lost with it; 0 if nothing is."""
        return (self.age_s or 0.0) if self.lost else 0.0

    @property
    def findings(self) -> tuple[str, ...]:
        """What is not as it should be, the worst first; empty if the drill was passed."""
        found: list[str] = []
        if self.rto_s is None:
            found.append(f"Users are not served as before: {self.still}.")
        found += [f"{one}." for one in self.differs]
        found += [f"The step {step.name!r} {_HOW[step.outcome]}." for step in self.steps if not step.fine]
        if self.rto_s is not None and self.targets.rto_s is not None and self.rto_s > self.targets.rto_s:
            found.append(f"It took {in_words(self.rto_s)}; the promise is {in_words(self.targets.rto_s)}.")
        if self.targets.rpo_s is not None and self.rpo_s > self.targets.rpo_s:
            promised = in_words(self.targets.rpo_s)
            found.append(f"What was restored is {in_words(self.rpo_s)} old; the promise is {promised}.")
        return tuple(found)

    @property
    def exit_code(self) -> int:
        """0 if the drill was passed, 1 if not."""
        return 1 if self.findings else 0

    def to_dict(self) -> dict[str, Any]:
        """The object that ``drill --json`` prints."""
        data = asdict(self)
        data["targets"] = {**data["targets"], "rto_met": self._met("rto"), "rpo_met": self._met("rpo")}
        passed = not self.findings
        return {"passed": passed, "rto_s": self.rto_s, "rpo_s": self.rpo_s, "findings": list(self.findings), **data}

    def _met(self, what: str) -> bool | None:
        wanted = self.targets.rto_s if what == "rto" else self.targets.rpo_s
        if wanted is None:
            return None
        seen = self.rto_s if what == "rto" else self.rpo_s
        return seen is not None and seen <= wanted


_HOW = {
    "failed": "failed",
    "too-long": "took longer than it may, and was ended",
    "not-reached": "was not reached",
}
