"""How fast a class is graded, beside stock nbgrader running notebooks that make the same checks in their cells.

Both get the same submissions, one after the other, on the same machine. The peer is as good as an instructor could make
it: one cell examines the submitted config with our own examiner, once for all checks, and each graded cell asserts one
verdict. Whole commands are timed, start-up included. What each gives for a submission must agree.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.bench.memory import watched
from autograder.errors import ManyHandsError
from autograder.labs.catalogue import load_lab
from autograder.labs.verify import expectations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from autograder.labs.lab import Lab

LAB = "spread-the-load"
SIZES = (40, 200, 1000)
QUICK = (8, 16)
_CELL = """from pathlib import Path
from autograder.grading.secret import seed_of
from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
files = {name: Path(name).read_bytes() for name in %r}
verdicts = {verdict.check: verdict for verdict in examine(load_lab(%r), files, seed=seed_of(b'', files))}"""
_STOCK_CONFIG = """c = get_config()
c.CourseDirectory.course_id = "stock"
c.Execute.timeout = 600
"""


@dataclass(frozen=True)
class Graded:
    """One command over one class: seconds of wall clock, of all processors, megabytes at worst, student → points."""

    submissions: int
    seconds: float
    cpu_s: float
    peak_mb: float
    points: Mapping[str, float]

    @property
    def per_minute(self) -> float:
        """Submissions graded in a minute."""
        return round(60 * self.submissions / self.seconds, 1)


def measure(say: Callable[[str], None], sizes: Sequence[int] = SIZES, jobs: int = 0) -> dict[str, Any]:
    """Grade classes of ``sizes``; the first, the smallest, with stock nbgrader, too. ``jobs`` as in ``grade``.

    Returns plain data: submissions a minute of both and their ratio, and for each size seconds, the cost of an extra
    submission since the size before, and memory. Raises :class:`ManyHandsError` if a command fails.
    """
    lab = load_lab(LAB)
    say(f"stock nbgrader, {sizes[0]} submissions")
    stock = _with_stock(lab, sizes[0])
    ours: list[Graded] = []
    for size in sizes:
        say(f"ours, {size} submissions")
        ours.append(_with_ours(lab, size, jobs))
    differ = {name: [stock.points[name], ours[0].points.get(name)] for name in stock.points}
    differ = {name: pair for name, pair in differ.items() if pair[0] != pair[1]}
    return {
        "submissions": sizes[0],
        "stock": _summary(stock),
        "ours": _summary(ours[0]),
        "ratio": round(ours[0].per_minute / stock.per_minute, 2),
        "points_that_differ": differ,
        "sizes": _growth(ours),
    }


def report(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = [
        f"{name:<6} {found[name]['per_minute']:>6.1f} submissions a minute   {found[name]['seconds']:>7.1f} s for "
        f"{found['submissions']}   {found[name]['cpu_s']:>6.1f} s of processor   {found[name]['peak_mb']:>5.0f} MB"
        for name in ("stock", "ours")
    ]
    lines += [f"ratio  {found['ratio']:.1f}", ""]
    for row in found["sizes"]:
        extra = f"{row['extra_s']:.2f} s for each more" if row["extra_s"] is not None else ""
        lines.append(
            f"{row['submissions']:>5} submissions  {row['seconds']:>7.1f} s  {row['peak_mb']:>5.0f} MB  {extra}"
        )
    for name, (theirs, mine) in found["points_that_differ"].items():
        lines.append(f"{name}: {theirs} points in stock nbgrader, {mine} in ours")
    return "\n".join(line.rstrip() for line in lines)


def submissions(lab: Lab, count: int) -> Iterable[tuple[str, dict[str, bytes]]]:
    """``count`` distinct submissions: everything the lab's author wrote, again and again with other numbers."""
    works = list(expectations(lab))
    for number in range(count):
        files = lab.read(works[number % len(works)].folder)
        changed = {
            name: data.replace(b"keepalive_timeout 30s", b"keepalive_timeout %ds" % (30 + number))
            + b"\n# number %d\n" % number
            for name, data in files.items()
        }
        yield f"student{number:04}", changed


def _summary(run: Graded) -> dict[str, float]:
    return {"per_minute": run.per_minute, "seconds": run.seconds, "cpu_s": run.cpu_s, "peak_mb": run.peak_mb}


def _growth(runs: Sequence[Graded]) -> list[dict[str, Any]]:
    rows = []
    for number, run in enumerate(runs):
        before = runs[number - 1] if number else None
        extra = (run.seconds - before.seconds) / (run.submissions - before.submissions) if before else None
        rows.append(
            {
                "submissions": run.submissions,
                "seconds": run.seconds,
                "cpu_s": run.cpu_s,
                "extra_s": None if extra is None else round(extra, 3),
                "peak_mb": run.peak_mb,
            }
        )
    return rows


def _with_ours(lab: Lab, count: int, jobs: int) -> Graded:
    with tempfile.TemporaryDirectory(prefix="many-hands-bench-") as folder:
        from autograder.grading.classroom import prepare_class
        from autograder.grading.settings import Places

        places = Places(Path(folder))
        environment = {**os.environ, "MANYHANDS_HOME": folder, "MANYHANDS_SEED": "none"}
        prepare_class(places.home, seed="none")  # everybody has the lab as it is written
        blank = (places.release(lab.slug) / f"{lab.slug}.ipynb").read_bytes()
        for student, files in submissions(lab, count):
            _write(places.submitted(student, lab.slug), {**files, f"{lab.slug}.ipynb": blank})
        command = [sys.executable, "-P", "-m", "autograder", "grade", lab.slug, "--jobs", str(jobs), "--json"]
        seconds, cpu, peak = _timed(command, Path(folder), environment)
        return Graded(count, seconds, cpu, peak, _points(places.course / "gradebook.db", lab.slug))


def _with_stock(lab: Lab, count: int) -> Graded:
    with tempfile.TemporaryDirectory(prefix="many-hands-bench-") as name:
        course = Path(name)
        (course / "nbgrader_config.py").write_text(_STOCK_CONFIG, encoding="utf-8")
        notebook = _notebook(lab)
        _write(course / "source" / lab.slug, {f"{lab.slug}.ipynb": notebook})
        environment = {**os.environ, "PYTHONWARNINGS": "ignore", "JUPYTER_CONFIG_DIR": str(course / ".jupyter")}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment.get('PATH', '')}"  # nbgrader calls alembic
        nbgrader = [sys.executable, "-m", "nbgrader"]
        _timed([*nbgrader, "generate_assignment", lab.slug, "--create"], course, environment)
        released = (course / "release" / lab.slug / f"{lab.slug}.ipynb").read_bytes()
        for student, files in submissions(lab, count):
            _write(course / "submitted" / student / lab.slug, {**files, f"{lab.slug}.ipynb": released})
        seconds, cpu, peak = _timed([*nbgrader, "autograde", lab.slug, "--create"], course, environment)
        return Graded(count, seconds, cpu, peak, _points(course / "gradebook.db", lab.slug))


def _notebook(lab: Lab) -> bytes:
    """The notebook an instructor would write for stock nbgrader: the checks in its cells."""
    cells = [_cell("examine", _CELL % (lab.files, lab.slug), 0.0)]
    for check in lab.checks:
        test = f"assert verdicts[{check.name!r}].points == {check.points!r}, verdicts[{check.name!r}].observed"
        cells.append(_cell(check.name, test, check.points))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook).encode()


def _cell(name: str, source: str, points: float) -> dict[str, Any]:
    ours = {"grade": bool(points), "grade_id": name, "locked": True, "solution": False, "task": False}
    ours |= {"schema_version": 3, **({"points": points} if points else {})}
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {"nbgrader": ours},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _timed(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[float, float, float]:
    """Seconds of wall clock, seconds of all processors, and megabytes at the worst moment."""
    with tempfile.TemporaryFile() as out:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        with watched(process.pid) as memory:
            code = process.wait()
        seconds = round(time.monotonic() - began, 2)
        out.seek(0)
        text = out.read().decode(errors="replace")
    if code:
        raise ManyHandsError(f"{' '.join(command[1:5])} ended with code {code}", why=text.strip()[-500:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, round(cpu, 2), round(memory.peak_mb, 1)


def _points(gradebook: Path, lab: str) -> dict[str, float]:
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{gradebook}") as book:
        return {one.student.id: float(one.score) for one in book.assignment_submissions(lab)}
