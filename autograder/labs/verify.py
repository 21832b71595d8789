"""A lab proves itself: the start fails, the reference earns every point, every wrong mend is told apart."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.labs.catalogue import LabError
from autograder.labs.examiner import examine
from autograder.labs.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from autograder.labs.lab import Lab
    from autograder.labs.verdict import Verdict


@dataclass(frozen=True)
class Expected:
    """What a folder of files must get: check → outcome (a check left out may get any), and mistakes to be named."""

    kind: str
    name: str
    folder: Path
    outcomes: dict[str, str]
    diagnosis: tuple[str, ...]


@dataclass(frozen=True)
class Proof:
    """What one folder got. ``faults`` say where that is not what it must get; empty is good."""

    lab: str
    kind: str
    name: str
    points: float
    max_points: float
    outcomes: dict[str, str]
    named: tuple[str, ...]
    faults: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class VerifyReport:
    """All proofs of a run."""

    engine: str
    proofs: tuple[Proof, ...]

    @property
    def exit_code(self) -> int:
        """0 if every lab proved itself, else 1."""
        return int(any(proof.faults for proof in self.proofs))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"engine": self.engine, "ok": not self.exit_code, "proofs": [vars(proof) for proof in self.proofs]}

    def table(self) -> str:
        """A line for each folder: points, each check's sign, mistakes named, and what does not hold."""
        lines: list[str] = []
        lab = ""
        wide = max((len(proof.name) for proof in self.proofs), default=0)
        for proof in self.proofs:
            if proof.lab != lab:
                lab = proof.lab
                lines.append(f"{lab} ({self.engine})   checks: {' '.join(proof.outcomes)}")
            signs = "".join(
                {"passed": "✓", "failed": "✗", "unjudged": "–"}.get(o, "!") for o in proof.outcomes.values()
            )
            named = ", ".join(proof.named)
            lines.append(
                f"  {proof.kind:<9} {proof.name:<{wide}}  {proof.points:>4g}/{proof.max_points:g}  {signs}"
                f"  {proof.seconds:>4.1f} s  {named}".rstrip()
            )
            lines += [f"      does not hold: {fault}" for fault in proof.faults]
        return "\n".join(lines)


def verify(labs: Sequence[Lab], engine: str = "local", tell: Callable[[str], None] | None = None) -> VerifyReport:
    """Examine every folder of the labs that says what it must get. ``tell`` hears a word before each.

    Raises :class:`LabError` for a broken ``expect.toml`` and :class:`EngineError` if the engine cannot run here.
    """
    proofs = []
    for lab in labs:
        for expected in expectations(lab):
            if tell:
                tell(f"{lab.slug}: {expected.kind} {expected.name} …")
            proofs.append(prove(lab, expected, engine))
    return VerifyReport(engine, tuple(proofs))


def expectations(lab: Lab) -> Iterator[Expected]:
    """Every folder of a lab with what it must get. Raises :class:`LabError` for a broken ``expect.toml``."""
    passed = {check.name: str(Outcome.PASSED) for check in lab.checks}
    for start in lab.starts if lab.variant is None else lab.starts[:1]:
        yield Expected("start", start.folder, lab.folder / start.folder, dict(start.checks), start.diagnosis)
    yield Expected("reference", "reference", lab.reference, passed, ())
    for folder in lab.other_ways:
        yield Expected("other way", folder.name, folder, passed, ())
    for folder in lab.wrong:
        path = folder / "expect.toml"
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
            outcomes = {name: str(Outcome(outcome)) for name, outcome in data["checks"].items()}
            diagnosis = tuple(data["diagnosis"])
        except (KeyError, ValueError) as error:
            raise LabError("this expectation cannot be read", where=str(path), why=str(error)) from error
        unknown = outcomes.keys() - {check.name for check in lab.checks}
        if unknown:
            raise LabError(f"the lab has no check called {', '.join(sorted(unknown))}", where=str(path))
        yield Expected("wrong", folder.name, folder, outcomes, diagnosis)


def prove(lab: Lab, expected: Expected, engine: str = "local") -> Proof:
    """Examine one folder and compare with what it must get."""
    verdicts = examine(lab, lab.read(expected.folder), engine=engine)
    got = {verdict.check: str(verdict.outcome) for verdict in verdicts}
    named = tuple(dict.fromkeys(cause.mistake for verdict in verdicts for cause in verdict.causes))
    faults = [
        f"{check} should be {outcome} and is {got[check]}: {_observed(verdicts, check)}"
        for check, outcome in expected.outcomes.items()
        if got[check] != outcome
    ]
    faults += [f"{mistake} is not named" for mistake in expected.diagnosis if mistake not in named]
    if expected.kind in ("start", "wrong") and all(outcome == Outcome.PASSED for outcome in got.values()):
        faults.append("it earns every point")
    return Proof(
        lab=lab.slug,
        kind=expected.kind,
        name=expected.name,
        points=sum(verdict.points for verdict in verdicts),
        max_points=lab.points,
        outcomes=got,
        named=named,
        faults=tuple(faults),
        seconds=round(sum(verdict.seconds for verdict in verdicts), 1),
    )


def _observed(verdicts: tuple[Verdict, ...], check: str) -> str:
    return next(verdict.observed for verdict in verdicts if verdict.check == check)
