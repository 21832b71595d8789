"""Tests come in another order, by a seed; what is costly is made once; a seed gives the order again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# One module of two: who ran, in which order, on which worker, and how often what the module shares was made.
MODULE = """
import os
import pytest

def note(what):
    with open("ran", "a") as file:
        file.write(what + " " + os.environ.get("PYTEST_XDIST_WORKER", "alone") + "\\n")

@pytest.fixture(scope="module")
def costly():
    note("made-NAME")

@pytest.mark.xdist_group("GROUP")
@pytest.mark.parametrize("number", range(8))
def test_it(costly, number):
    note(f"NAME-{number}")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of four modules in two groups, with our settings of pytest."""
    for number, name in enumerate(("ant", "bee", "cat", "dog")):
        module = MODULE.replace("NAME", name).replace("GROUP", f"group{number % 2}")
        (tmp_path / f"test_{name}.py").write_text(module)
    ours = (ROOT / "pyproject.toml").read_text("utf-8").partition("[tool.pytest.ini_options]")
    (tmp_path / "pyproject.toml").write_text(ours[1] + ours[2].partition("\n[tool.")[0].replace('"tests"', '"."'))
    return tmp_path


def ran(project: Path, *words: str) -> tuple[int, list[str], list[str]]:
    """The seed that pytest named; what ran, in order; and where each of them ran."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COVERAGE_"))}
    (project / "ran").unlink(missing_ok=True)
    shutil.rmtree(project / ".pytest_cache", ignore_errors=True)
    command = [sys.executable, "-m", "pytest", "-p", "randomly", "--dist", "loadgroup", *words]
    told = subprocess.run(command, cwd=project, env=kept, check=True, capture_output=True, text=True).stdout
    seed = re.search(r"--randomly-seed=(\d+)", told)
    assert seed, told
    lines = [line.split() for line in (project / "ran").read_text().splitlines()]
    return int(seed[1]), [what for what, _ in lines], [where for _, where in lines]


def test_the_order_is_another_one_and_the_seed_that_is_named_gives_it_again(project: Path) -> None:
    seed, first, _ = ran(project)
    assert first != ran(project, f"--randomly-seed={seed + 1}")[1]
    assert first == ran(project, f"--randomly-seed={seed}")[1]


def test_modules_stay_whole_and_what_they_share_is_made_once(project: Path) -> None:
    _, order, _ = ran(project)
    tests = [what.split("-")[0] for what in order if not what.startswith("made")]
    assert len(tests) == 32
    assert sum(before != after for before, after in pairwise(tests)) == 3
    assert sorted(what for what in order if what.startswith("made")) == ["made-ant", "made-bee", "made-cat", "made-dog"]


def test_groups_stay_on_one_worker_each(project: Path) -> None:
    _, order, workers = ran(project, "-n", "2")
    places: dict[str, set[str]] = {}
    for what, worker in zip(order, workers, strict=True):
        places.setdefault(what.removeprefix("made-").split("-")[0], set()).add(worker)
    assert all(len(seen) == 1 for seen in places.values())
    assert places["ant"] == places["cat"]
    assert places["bee"] == places["dog"]
    assert len([what for what in order if what.startswith("made")]) == 4
