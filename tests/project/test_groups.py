"""Tests that belong together stay on one worker, and long groups begin first, in whatever order the others come.

With pytest 9.2 and xdist 3.8 there were no groups any more, silently; one that is named after xdist's hook ran is none.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.order import MINUTES

ROOT = Path(__file__).parents[2]
GROUP = """
import os
import pytest

@pytest.mark.xdist_group("machine")
@pytest.mark.parametrize("number", range(8))
def test_where(number):
    with open("workers", "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


# A module of many: each test notes where it ran.
MODULE = """
import os
import pytest

pytestmark = [MARKS]

@pytest.mark.parametrize("number", range(COUNT))
def test_it(number):
    with open("ran", "a") as file:
        file.write("NAME " + os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""
MACHINE, PROGRAMS = 'pytest.mark.xdist_group("machine")', 'pytest.mark.xdist_group("programs")'
MODULES = {
    **{f"a{number}": ("", 12) for number in range(4)},
    "boxes": ("pytest.mark.docker", 6),
    "b": ("", 12),
    "crates": ("pytest.mark.docker", 6),
    "rooms": (f"{MACHINE}, pytest.mark.docker", 6),
    "programs": (f"{PROGRAMS}, pytest.mark.docker", 6),
    "ours": (PROGRAMS, 2),
    "set_up": ('pytest.mark.xdist_group("set-up")', 6),
    "window": (MACHINE, 4),
}
"""In the order of their names the long groups come last."""


def run(folder: Path, *words: str) -> None:
    without = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COVERAGE_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=folder, env=without, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_group_runs_on_one_worker(tmp_path: Path) -> None:
    (tmp_path / "test_group.py").write_text(GROUP)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    run(tmp_path)
    workers = (tmp_path / "workers").read_text().split()
    assert len(workers) == 8
    assert len(set(workers)) == 1


def test_every_long_group_is_one() -> None:
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    named = {name for path in files for name in re.findall(r'xdist_group\("([\w-]+)"\)', path.read_text("utf-8"))}
    assert MINUTES.keys() <= named


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Modules as ours are, with our hook that puts tests in order."""
    for name, (marks, count) in MODULES.items():
        module = MODULE.replace("MARKS", marks).replace("COUNT", str(count)).replace("NAME", name)
        (tmp_path / f"test_{name}.py").write_text(module)
    hooks = "pytest_collection_modifyitems, pytest_configure"
    (tmp_path / "conftest.py").write_text(f"from tests.conftest import {hooks}\n")
    settings = f"pythonpath = {ROOT}\naddopts = --import-mode=importlib\nmarkers =\n  docker\n  unit\n"
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{settings}")
    return tmp_path


@pytest.mark.parametrize("order", ["no:randomly", "1", "2"])
def test_long_groups_begin_first_and_modules_of_containers_stay_whole(project: Path, order: str) -> None:
    run(project, *(["-p", order] if order == "no:randomly" else ["-p", "randomly", f"--randomly-seed={order}"]))
    ran = [line.split() for line in (project / "ran").read_text().splitlines()]
    assert sorted(name for name, _ in ran) == sorted(name for name, (_, count) in MODULES.items() for _ in range(count))
    by_worker: dict[str, list[str]] = {}
    for name, worker in ran:
        by_worker.setdefault(worker, []).append(name)
    first, second = sorted(by_worker.values(), key=lambda names: not {"window", "rooms"} & {*names})
    assert sorted(first[:10]) == ["rooms"] * 6 + ["window"] * 4  # the longest group
    assert sorted(second[:8]) == ["ours"] * 2 + ["programs"] * 6
    assert ["set_up"] * 6 in (first[10:16], second[8:14])
    for module in ("boxes", "crates"):
        assert len({worker for name, worker in ran if name == module}) == 1
