"""Generated classes: what learners hand in and are judged, without judging it. The same for the same seed."""

from __future__ import annotations

import random
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from autograder.grading.classreport.entries import Attempt, Entry
from autograder.grading.record import Key, new_record, save_record
from autograder.grading.settings import Places
from autograder.grading.submission import read_submission
from autograder.labs.catalogue import load_lab
from autograder.labs.verdict import Outcome, Verdict
from autograder.mistakes.finding import Finding

LAB = load_lab("spread-the-load")
FILE = "conf/nginx.conf"
BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WRONG = tuple(folder.name for folder in LAB.wrong)


def config(name: str) -> str:
    """A config of the lab: ``start``, ``reference``, or one of the wrong ones."""
    folder = {"start": LAB.start, "reference": LAB.reference}.get(name, LAB.folder / "wrong" / name)
    return (folder / FILE).read_text(encoding="utf-8")


def verdicts(name: str) -> tuple[Verdict, ...]:
    """What the lab's author says a config gets, with the mistakes as causes of each failed check."""
    if name == "reference":
        told: Mapping[str, str] = {}
        diagnosis: list[str] = []
    else:
        path = LAB.folder / "wrong" / name / "expect.toml"
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        told, diagnosis = data["checks"], data["diagnosis"]
    causes = tuple(
        Finding(slug, "shop", FILE, 3, "server app1:8080;", (0, 6), "it does", "mend it") for slug in diagnosis
    )
    return tuple(verdict(check.name, Outcome(told.get(check.name, "passed")), causes=causes) for check in LAB.checks)


def verdict(name: str, outcome: Outcome, *, causes: tuple[Finding, ...] = ()) -> Verdict:
    """A verdict on a check of the lab."""
    most = LAB.check(name).points
    passed = outcome is Outcome.PASSED
    failed = outcome is Outcome.FAILED
    return Verdict(name, outcome, most if passed else 0.0, most, "600 requests", causes=causes if failed else ())


def marks(*passed: bool) -> Attempt:
    """An attempt with each check of the lab passed or failed."""
    outcomes = (Outcome.PASSED if each else Outcome.FAILED for each in passed)
    return Attempt(tuple(verdict(check.name, each) for check, each in zip(LAB.checks, outcomes, strict=True)))


def entry(student: str, name: str, text: str | None = None) -> Entry:
    """A student who handed in a config of the lab once, perhaps in words of their own."""
    now = Attempt(verdicts(name))
    return Entry(student, now, (now,), files={FILE: config(name) if text is None else text})


@dataclass(frozen=True)
class Work:
    """What a student handed in: (config, text, minutes since the lab began) an attempt, and whether it is judged."""

    student: str
    attempts: Sequence[tuple[str, str, float]]
    judged: bool = True


def a_class(size: int, seed: int = 7) -> list[Work]:
    """A class that looks like one: half get there, most in one to four attempts, each with some words of their own."""
    chance = random.Random(seed)
    found = []
    for number in range(size):
        ability = chance.random()
        names: list[str] = []
        while True:
            names.append("reference" if chance.random() < 0.15 + 0.5 * ability else chance.choice(WRONG))
            if names[-1] == "reference" or len(names) == 4 or chance.random() < 0.25:
                break
        minutes = 20 + 60 * chance.random()
        attempts = []
        for name in names:
            text = config(name)
            if chance.random() < 0.3:
                text = f"# {number * 7919 % 1009} {' '.join(chance.choices(_TALK, k=4))}\n{text}"
            attempts.append((name, text, minutes))
            minutes += 5 + 90 * chance.random()
        found.append(Work(f"s{number:04}", attempts, judged=chance.random() > 0.02))
    return found


_TALK = ("try", "weights", "again", "servers", "equal", "then", "measure", "hash", "gone", "hope", "fix", "twice")


def write_class(home: Path, work: Sequence[Work], *, inbound: bool = True) -> Places:
    """Put a class on disk as collecting and judging leave it, with every attempt in the exchange."""
    places = Places(home)
    places.course.mkdir(parents=True, exist_ok=True)
    for each in work:
        for place, (name, text, minutes) in enumerate(each.attempts):
            at = BEGAN + timedelta(minutes=minutes)
            stamp = at.strftime("%Y-%m-%d %H:%M:%S.%f UTC")
            last = place == len(each.attempts) - 1
            folder = places.inbound / f"{each.student}+{LAB.slug}+{stamp}+x{place}"
            if inbound:
                _hand_in(folder, text, stamp)
            if last:
                folder = places.submitted(each.student, LAB.slug)
                _hand_in(folder, text, stamp)
            elif not inbound:
                folder = home / "scratch"
                shutil.rmtree(folder, ignore_errors=True)
                _hand_in(folder, text, stamp)
            if each.judged or not last:
                judge(places, each.student, folder, verdicts(name))
    return places


def judge(
    places: Places,
    student: str,
    folder: Path,
    found: tuple[Verdict, ...],
    *,
    engine: str = "local",
    version: str = LAB.version,
) -> Path:
    """Write a record for what is in ``folder``; its path."""
    submission = read_submission(folder, student=student, lab=LAB.slug, files=LAB.files, notebook="")
    key = Key(LAB.slug, student, submission.digest, version, engine)
    return save_record(places.records, new_record(key, found, 0.5))


def _hand_in(folder: Path, text: str, stamp: str) -> None:
    (folder / FILE).parent.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(text, encoding="utf-8")
    (folder / "timestamp.txt").write_text(stamp, encoding="utf-8")
