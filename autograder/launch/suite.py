"""The project's own checks, in the order of how soon they answer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zlib
from typing import TYPE_CHECKING

from autograder.launch.places import ROOT, only_in_a_clone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PARTS: dict[str, list[list[str]]] = {
    "lint": [
        ["ruff", "check", "--quiet", "."],
        ["ruff", "format", "--check", "--quiet", "."],
        ["vulture"],  # code nobody calls
        ["deptry", "."],  # dependencies nobody names, or nobody uses
    ],
    "types": [["mypy", "--strict", "autograder"]],
    "unit": [["pytest", "-n", "auto", "--dist", "loadgroup", "--durations", "30"]],
}
UNITS = ROOT / "tests" / "units.txt"
# Data are written where the tests run; what is told is also kept, for tools and for a browser.
_BEGIN = [["coverage", "erase"], ["tests.measured.marks", "begin"]]
_MEASURE = ["coverage", "run", "-m"]
_IN_SANDBOXES = ["-p", "tests.measured.plugin"]
_COMBINE = [["tests.measured.marks", "end"], ["coverage", "combine", "--quiet"]]
_TELL = [["coverage", "json", "--quiet"], ["coverage", "html", "--quiet"], ["coverage", "report"]]
_NO_FLOOR = ["--fail-under", "0"]
"""Of a part of the tests nobody can ask how much they cover."""
# The seed of the order is not that of chances: it would be the same for each worker.
_SHUFFLED = ["-p", "randomly", "--randomly-dont-reset-seed"]


def units() -> list[str]:
    """The files of tests that start no program, as paths from the top of the clone; `tests/units.txt` names them."""
    lines = UNITS.read_text("utf-8").splitlines()
    return [line for line in map(str.strip, lines) if line and not line.startswith("#")]


def seed_of_order() -> int:
    """What the order of tests hangs on: another one whenever a test changes, the same one for all who have these tests.

    So a failure that hangs on the order comes again, here as on the machine that met it first.
    """
    seed = 0
    for path in sorted((ROOT / "tests").rglob("*.py")):
        seed = zlib.crc32(path.read_bytes(), seed)
    return seed


def run(
    arguments: Sequence[str],
    only: str | None,
    show: Callable[[str], None],
    *,
    unit: bool = False,
    coverage: bool = False,
) -> int:
    """Run all parts, or the one asked for; the worst exit code. Arguments go to pytest, and then only pytest runs.

    Args:
        arguments: what pytest gets; the word `--` is left out.
        only: the name of the part of `PARTS` to run.
        show: says what runs, and how it went.
        unit: run only tests that start no program, in another order each time.
        coverage: measure which lines and branches of `autograder/` ran, and fail below what `pyproject.toml` asks for.
    """
    only_in_a_clone("test")
    given = [word for word in arguments if word != "--"] + (units() if unit else [])
    order = _SHUFFLED if unit else [*_SHUFFLED, f"--randomly-seed={seed_of_order()}"]
    parts = [only] if only else ["unit"] if given or coverage else list(PARTS)
    worst, said, began = 0, [], time.monotonic()
    # pytest-xdist counts cores that are real; the tests wait for processes half of their time, so begin one more
    workers = str(len(os.sched_getaffinity(0)) + 1)
    environment = {"PYTEST_XDIST_AUTO_NUM_WORKERS": workers, **os.environ}
    for part in parts:
        codes = []
        commands = [[*words, *order, *given] for words in PARTS[part]] if part == "unit" else PARTS[part]
        if coverage and part == "unit":
            told = [[*words, *_NO_FLOOR] for words in _TELL] if given else _TELL
            commands = [*_BEGIN, *([*_MEASURE, *words, *_IN_SANDBOXES] for words in commands), *_COMBINE, *told]
        for command in commands:
            show(f"— {' '.join(_short(command))}")
            ran = subprocess.run([sys.executable, "-P", "-m", *command], cwd=ROOT, env=environment, check=False)
            codes.append(ran.returncode)
        code = max(codes, key=abs)
        said.append(f"{part} ok" if code == 0 else f"{part} FAILED")
        worst = max(worst, abs(code))
    show(f"— {', '.join(said)} ({time.monotonic() - began:.0f} s)")
    return worst


def _short(command: Sequence[str]) -> list[str]:
    """A command as it is told: a hundred names of files say less than where they are named."""
    files = set(units())
    told = [word for word in command if word not in files]
    return told if len(command) - len(told) < 2 else [*told, f"@{UNITS.relative_to(ROOT)}"]
