"""A lab proves itself: the start fails, the reference earns every point, every wrong mend is told apart."""

from __future__ import annotations

import os
import secrets
import tomllib
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from autograder.labs.catalogue import LabError
from autograder.labs.examiner import examine
from autograder.labs.lab import Variant
from autograder.labs.proofs import Expected, Proof, Record, key
from autograder.labs.variants import faults_of, vary
from autograder.labs.verdict import Outcome
from autograder.stack.engine import EngineError
from autograder.stack.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from autograder.labs.lab import Lab
    from autograder.labs.verdict import Verdict

TRIES: Final = 3
"""How often a folder is examined at most when the engine fails."""


@dataclass(frozen=True)
class VerifyReport:
    """All proofs of a run. ``seed`` is what the variants were drawn from; empty when there were none."""

    engine: str
    proofs: tuple[Proof, ...]
    seed: str = ""

    @property
    def exit_code(self) -> int:
        """0 if every lab proved itself, else 1."""
        return int(any(proof.faults for proof in self.proofs))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        proofs = [vars(proof) for proof in self.proofs]
        return {"engine": self.engine, "seed": self.seed, "ok": not self.exit_code, "proofs": proofs}

    def table(self) -> str:
        """A line for each folder (of each variant): points, each check's sign, mistakes named, what does not hold."""
        rows: dict[tuple[str, str, str, str], list[Proof]] = {}
        for proof in self.proofs:
            rows.setdefault((proof.lab, proof.kind, proof.name, proof.variant), []).append(proof)
        wide = max((len(proof.name) for proof in self.proofs), default=0)
        whose = max((len(proof.variant) for proof in self.proofs), default=0)
        lines: list[str] = []
        lab = ""
        for runs in rows.values():
            first = runs[0]
            if first.lab != lab:
                lab = first.lab
                drawn = f"   variants of seed {self.seed}" if self.seed else ""
                lines.append(f"{lab} ({self.engine})   checks: {' '.join(first.outcomes)}{drawn}")
            lines += _row(runs, wide, whose)
        return "\n".join([*lines, *self._counted()])

    def _counted(self) -> list[str]:
        """One line over all, where there is more than one look at every folder."""
        if not self.seed and max((proof.run for proof in self.proofs), default=1) == 1:
            return []
        bad = sum(bool(proof.faults) for proof in self.proofs)
        variants = len({(proof.lab, proof.variant) for proof in self.proofs if proof.variant})
        return [f"{len(self.proofs)} folders examined, {variants} variants, {bad} not as they must be"]


def _row(runs: Sequence[Proof], wide: int, whose: int) -> list[str]:
    """One folder of one variant, all its runs."""
    worst = next((proof for proof in runs if proof.faults), runs[0])
    signs = "".join({"passed": "✓", "failed": "✗", "unjudged": "–"}.get(o, "!") for o in worst.outcomes.values())
    variant = f"  {worst.variant:<{whose}}" if whose else ""
    good = f"  {sum(not proof.faults for proof in runs)}/{len(runs)}" if len(runs) > 1 else ""
    seconds = sum(proof.seconds for proof in runs) / len(runs)
    head = f"  {worst.kind:<9} {worst.name:<{wide}}{variant}{good}  {worst.points:>4g}/{worst.max_points:g}  {signs}"
    faults = dict.fromkeys(fault for proof in runs for fault in proof.faults)
    return [
        f"{head}  {seconds:>4.1f} s  {', '.join(worst.named)}".rstrip(),
        *(f"      does not hold: {fault}" for fault in faults),
    ]


@dataclass(frozen=True)
class _Task:
    """One folder to examine, in some process."""

    lab: Lab
    expected: Expected
    engine: str
    run: int


def verify(
    labs: Sequence[Lab],
    engine: str = "local",
    tell: Callable[[str], None] | None = None,
    *,
    variants: int = 0,
    seed: str = "",
    runs: int = 1,
    jobs: int = 0,
    folders: Sequence[str] = (),
    record: Path | None = None,
) -> VerifyReport:
    """Examine every folder of the labs, which are as written, and of so many variants of each; all that ``runs`` times.

    ``folders`` are names of those to examine, all when empty. ``tell`` hears a word after each. ``seed`` decides the
    variants; one is made up when it is empty. ``jobs`` is the number of processes, 0 for one a processor. With a
    ``record`` what stands there is not done again, its seed is taken, and what is new is written there.

    Raises :class:`LabError` for a broken ``expect.toml`` or a folder that no lab has, and :class:`EngineError` if the
    engine cannot run here.
    """
    for folder in folders:
        _look_for(folder, labs)
    kept = Record(record)
    seed = (seed or kept.seed or secrets.token_hex(4)) if variants else ""
    proofs = [_rules_proof(lab) for lab in labs if lab.rules is not None and faults_of(lab)]
    tasks = [
        _Task(version, expected, engine, run)
        for lab in labs
        for version in (lab, *_variants(lab, seed, variants))
        for expected in expectations(version)
        if not folders or expected.name in folders
        for run in range(1, runs + 1)
    ]
    keys = [key(task.lab, task.expected, engine, task.run) for task in tasks]
    left = [number for number, one in enumerate(keys) if kept.find(one) is None]
    found = _all([tasks[number] for number in left], min(jobs or os.cpu_count() or 1, len(left) or 1))
    for done, (number, proof) in enumerate(zip(left, found, strict=True), len(tasks) - len(left) + 1):
        kept.add(keys[number], seed, proof)
        if tell:
            tell(f"{done}/{len(tasks)}  {proof.lab}: {proof.kind} {proof.name} {proof.variant}".rstrip())
    proofs += [one for one in map(kept.find, keys) if one]
    return VerifyReport(engine, tuple(proofs), seed)


def _look_for(folder: str, labs: Sequence[Lab]) -> None:
    known = sorted({expected.name for lab in labs for expected in expectations(lab)})
    if folder not in known:
        raise LabError(
            f"there is no folder {folder!r} to examine",
            where=", ".join(str(lab.folder) for lab in labs[:3]),
            why=f"there are {', '.join(known)}",
            remedy="name one of them, or none for all",
        )


def _variants(lab: Lab, seed: str, number: int) -> Iterator[Lab]:
    """The first variants that ``seed`` gives; none for a lab that is the same for everybody."""
    if lab.rules is not None:
        yield from (vary(lab, Variant(seed, f"student-{student}")) for student in range(1, number + 1))


def _rules_proof(lab: Lab) -> Proof:
    """The lab file itself, where its rules contradict the lab."""
    return Proof(lab.slug, "variants", "lab.toml", 0.0, 0.0, {}, (), faults_of(lab), 0.0)


def _all(tasks: Sequence[_Task], processes: int) -> Iterator[Proof]:
    """The proofs in the order of their tasks."""
    if processes < 2:
        yield from map(_prove, tasks)
        return
    with Workers(processes) as workers:
        try:
            for proof in [workers.submit(_prove, task) for task in tasks]:
                yield proof.result()
        except BrokenProcessPool as error:
            remedy = "run it again with --jobs 1"
            raise EngineError(
                "a process that examined was ended", why="perhaps too little memory", remedy=remedy
            ) from error


def _prove(task: _Task) -> Proof:
    """One proof. When the engine fails, which says nothing about the lab, it is tried again, as in grading."""
    for tried in range(1, TRIES + 1):
        try:
            return replace(prove(task.lab, task.expected, task.engine), run=task.run)
        except EngineError:
            if tried == TRIES:
                raise
    raise AssertionError("unreachable")


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
        except RecursionError:
            why = "its lists or tables are inside one another too deep"
            raise LabError("this expectation cannot be read", where=str(path), why=why) from None
        except (KeyError, TypeError, AttributeError, ValueError) as error:
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
        variant=lab.variant.student if lab.variant else "",
    )


def _observed(verdicts: tuple[Verdict, ...], check: str) -> str:
    return next(verdict.observed for verdict in verdicts if verdict.check == check)
