"""How often grading is unfair: right work that loses a point, wrong work that gains one, on a machine kept busy.

Every grading is what ``grade`` does with one submission: the same worker processes, the same judge, other traffic each
time. What must come out is what the lab's author wrote down: every point for the reference and the other right ways,
and for each wrong mend the outcomes of its ``expect.toml``. With no failure in n gradings the true rate is below
3/n with 95 % confidence (Clopper and Pearson, 1934); the bound printed is that one.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from autograder.bench.burners import burning
from autograder.grading.judging import Task, Verdicts, judge
from autograder.grading.pool import enough, judge_all
from autograder.grading.secret import seed_of
from autograder.labs.catalogue import load_lab
from autograder.labs.verdict import Outcome
from autograder.labs.verify import expectations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autograder.labs.lab import Lab
    from autograder.labs.proofs import Expected

LAB = "spread-the-load"
RUNS = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Unfair:
    """One verdict that is not what the work deserves. ``run`` makes it again: the submission differs only by it."""

    run: int
    work: str
    check: str
    should_be: str
    was: str
    observed: str


@dataclass(frozen=True)
class Tally:
    """Gradings of one kind of work. ``ours`` could not be judged, through our fault, and got no grade."""

    gradings: int
    unfair: tuple[Unfair, ...]
    ours: tuple[str, ...]

    @property
    def failures(self) -> int:
        """How many gradings had a verdict that was not deserved."""
        return len({one.run for one in self.unfair})

    @property
    def at_most(self) -> float:
        """Upper bound of the rate of such gradings, at :data:`CONFIDENCE`."""
        return upper_bound(self.failures, self.gradings - len(self.ours))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "failures": self.failures, "at_most": self.at_most}


@dataclass(frozen=True)
class Fairness:
    """What a run came to."""

    right: Tally
    wrong: Tally
    busy: int
    """Processors that were kept busy by something else."""
    jobs: int
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 if every grading was deserved, else 1."""
        return int(any(tally.unfair or tally.ours for tally in (self.right, self.wrong)))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**vars(self), "right": self.right.to_dict(), "wrong": self.wrong.to_dict(), "ok": not self.exit_code}

    def report(self) -> str:
        """The same for people."""
        lines = [f"{self.busy} processors kept busy, {self.jobs} gradings at a time, {self.seconds:.0f} s"]
        for name, tally in (("right work that lost a point", self.right), ("wrong work that gained one", self.wrong)):
            lines.append(
                f"{name:<29} {tally.failures:>4} of {tally.gradings} gradings   "
                f"true rate below {tally.at_most:.2%} ({CONFIDENCE:.0%})"
            )
            lines += [f"{'not judged, through our fault':<29} {len(tally.ours):>4}"] if tally.ours else []
            for one in tally.unfair:
                lines.append(
                    f"  run {one.run}, {one.work}: {one.check} was {one.was}, not {one.should_be}: {one.observed}"
                )
            lines += [f"  {why}" for why in tally.ours]
        return "\n".join(lines)


def measure(runs: int = RUNS, say: Callable[[str], None] = lambda _: None, *, busy: int = 0, jobs: int = 0) -> Fairness:
    """Grade right and wrong work ``runs`` times each while ``busy`` processors (0: all) have something else to do.

    ``jobs`` gradings run at a time; 0 is as many as ``grade`` runs. ``say`` hears how far it is.
    """
    lab = load_lab(LAB)
    jobs = jobs or enough()
    every = list(expectations(lab))
    right = [one for one in every if one.kind in ("reference", "other way")]
    wrong = [one for one in every if one.kind == "wrong"]
    began = time.monotonic()
    with burning(busy) as count:
        good = _grade(lab, right, runs, jobs, lambda done: say(f"right work: {done} of {runs}"))
        bad = _grade(lab, wrong, runs, jobs, lambda done: say(f"wrong work: {done} of {runs}"))
    return Fairness(good, bad, count, jobs, round(time.monotonic() - began, 1))


def upper_bound(failures: int, trials: int) -> float:
    """Clopper and Pearson's one-sided upper bound of a rate, at :data:`CONFIDENCE`, by bisection.

    >>> round(upper_bound(0, 1000), 5), upper_bound(3, 3), round(upper_bound(1, 300), 4)
    (0.00299, 1.0, 0.0157)
    """
    if failures >= trials:
        return 1.0
    low, high = failures / trials, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        tail = math.fsum(math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(failures + 1))
        low, high = (rate, high) if tail > 1 - CONFIDENCE else (low, rate)
    return high


def _grade(lab: Lab, works: Sequence[Expected], runs: int, jobs: int, done: Callable[[int], None]) -> Tally:
    unfair: list[Unfair] = []
    ours: list[str] = []
    for number, (run, result) in enumerate(judge_all(runs, lambda run: _task(lab, works, run), jobs, judge), 1):
        work = works[run % len(works)]
        if isinstance(result, Exception):
            ours.append(f"run {run}, {work.name}: {result}")
        else:
            unfair += _undeserved(run, work, result)
        if number % 10 == 0:
            done(number)
    return Tally(runs, tuple(sorted(unfair, key=lambda one: one.run)), tuple(ours))


def _task(lab: Lab, works: Sequence[Expected], run: int) -> Task:
    """A submission like no other: a line at its end makes other traffic of it, and changes nothing else."""
    files = lab.read(works[run % len(works)].folder)
    changed = {name: data + f"\n# run {run}\n".encode() for name, data in files.items()}
    return Task(lab.slug, changed, seed_of(b"", changed))


def _undeserved(run: int, work: Expected, verdicts: Verdicts) -> list[Unfair]:
    return [
        Unfair(run, work.name, row["check"], work.outcomes[row["check"]], str(Outcome(row["outcome"])), row["observed"])
        for row in verdicts
        if row["check"] in work.outcomes and work.outcomes[row["check"]] != row["outcome"]
    ]
