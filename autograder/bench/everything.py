"""All benchmarks one after another: one table of what they found, beside the peer and the method, kept as JSON.

Each runs as a process of its own, as a user would run it: what one leaves in memory does not weigh on the next.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from autograder import __version__
from autograder.bench.rows import READERS, Row
from autograder.durable import write_durably
from autograder.launch.places import home
from autograder.whereabouts import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BENCHMARKS: Final = ("stacks", "inspect", "room", "catalogue", "site", "classroom", "grading", "guard", "fairness")
"""The shortest first."""
_SHORT: Final = {
    "classroom": ("--quick",),
    "grading": ("--quick",),
    "site": ("--quick",),
    "fairness": ("--runs", "20"),
    "guard": ("--incidents", "5", "--benign", "5"),
}
"""What makes a benchmark shorter."""
LATEST: Final = "latest.json"


@dataclass(frozen=True)
class Measured:
    """One round of benchmarks. ``load`` is the machine's when it began, over the last minute."""

    version: str
    day: str
    processors: int
    load: float
    rows: tuple[Row, ...]
    failed: tuple[str, ...]
    """Benchmarks that could not be run, each with why."""

    @property
    def exit_code(self) -> int:
        """0 when every benchmark could be run and says that all is well, else 1."""
        return 1 if self.failed or not all(row.good for row in self.rows) else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def measure(say: Callable[[str], None], *, quick: bool = False, names: Sequence[str] = BENCHMARKS) -> Measured:
    """Run these benchmarks. ``quick`` takes the short form of those that have one. One that fails stops no other."""
    load, rows, failed = os.getloadavg()[0], list[Row](), list[str]()
    for name in names:
        say(f"— {name}")
        words = ("bench", name, "--json", *(_SHORT.get(name, ()) if quick else ()))
        command = [sys.executable, "-P", "-m", "autograder", *words]
        ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        try:
            rows += READERS[name](json.loads(ran.stdout))
        except (ValueError, KeyError, TypeError) as error:
            failed.append(f"{name}: exit code {ran.returncode} ({type(error).__name__})")
    return Measured(
        version=__version__,
        day=time.strftime("%Y-%m-%d", time.gmtime()),
        processors=len(os.sched_getaffinity(0)),
        load=round(load, 1),
        rows=tuple(rows),
        failed=tuple(failed),
    )


def run(say: Callable[[str], None], show: Callable[[str], None], *, quick: bool, as_json: bool) -> int:
    """Measure everything, keep it, show it beside the round before; the exit code."""
    folder = home() / "bench"
    before = read(folder / LATEST)
    found = measure(say, quick=quick)
    kept = store(found, folder)
    show(json.dumps(found.to_dict(), indent=2) if as_json else report(found, before))
    say(f"kept in {kept}")
    return found.exit_code


def store(found: Measured, folder: Path) -> Path:
    """Keep what was found in a folder, under its day and as the latest; the second file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found.to_dict(), indent=2) + "\n"
    for name in (f"{found.day}.json", LATEST):
        write_durably(folder / name, text.encode())
    return folder / LATEST


def read(path: Path) -> Measured | None:
    """What was stored; None where there is nothing, or nothing that can be read."""
    try:
        told = json.loads(path.read_text("utf-8"))
        rows = tuple(Row(**row) for row in told.pop("rows"))
        return Measured(**{**told, "rows": rows, "failed": tuple(told["failed"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def report(found: Measured, before: Measured | None = None) -> str:
    """The table for people; beside each ratio the one of the round before, if there was one."""
    return "\n".join(_lines(found, before))


def _lines(found: Measured, before: Measured | None) -> Iterator[str]:
    then = {(row.benchmark, row.what): row.ratio for row in before.rows} if before else {}
    yield f"Many Hands {found.version}, {found.day}, {found.processors} processors, load {found.load:g} at the start"
    for row in found.rows:
        earlier = then.get((row.benchmark, row.what))
        was = f" (was {earlier:g} on {before.day})" if before and earlier is not None else ""
        ratio = f"{row.ratio:g}{was}" if row.ratio is not None else ""
        yield ""
        yield f"{row.benchmark}: {row.what}{'' if row.good else '   NOT WELL'}"
        yield f"  ours {row.ours}   {row.peer} {row.theirs}   {'ratio ' + ratio if ratio else ''}".rstrip()
        yield f"  {row.method}"
    yield from (f"\nnot run: {why}" for why in found.failed)
