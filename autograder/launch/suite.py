"""The project's own checks, in the order of how soon they answer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
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


def run(arguments: Sequence[str], only: str | None, show: Callable[[str], None]) -> int:
    """Run all parts, or the one asked for; the worst exit code. Arguments go to pytest, and then only pytest runs."""
    only_in_a_clone("test")
    given = [word for word in arguments if word != "--"]
    parts = [only] if only else ["unit"] if given else list(PARTS)
    worst, said, began = 0, [], time.monotonic()
    # pytest-xdist counts cores that are real; the tests wait for processes half of their time, so begin one more
    workers = str(len(os.sched_getaffinity(0)) + 1)
    environment = {"PYTEST_XDIST_AUTO_NUM_WORKERS": workers, **os.environ}
    for part in parts:
        codes = []
        for words in PARTS[part]:
            command = [*words, *given] if part == "unit" else words
            show(f"— {' '.join(command)}")
            ran = subprocess.run([sys.executable, "-P", "-m", *command], cwd=ROOT, env=environment, check=False)
            codes.append(ran.returncode)
        code = max(codes, key=abs)
        said.append(f"{part} ok" if code == 0 else f"{part} FAILED")
        worst = max(worst, abs(code))
    show(f"— {', '.join(said)} ({time.monotonic() - began:.0f} s)")
    return worst
