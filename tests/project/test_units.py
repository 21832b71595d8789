"""The unit suite is what it says: its files are there, they need nothing, and a test that starts a program fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from autograder.launch.suite import units

ROOT = Path(__file__).parents[2]
PROGRAM = """
import subprocess

def test_quick():
    assert True

def test_starts_a_program():
    subprocess.run(["true"], check=True)
"""


def test_the_files_are_there_once_and_in_order() -> None:
    assert [path for path in units() if not (ROOT / path).is_file()] == []
    assert units() == sorted(set(units()))


def test_none_of_them_needs_more_than_python() -> None:
    needs = re.compile(r"mark\.(docker|browser|slow)\b")
    assert [path for path in units() if needs.search((ROOT / path).read_text("utf-8"))] == []


def test_one_that_starts_a_program_fails_and_is_told_where_it_is_named(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    conftest = (ROOT / "tests/conftest.py").read_text("utf-8")
    stated = "from autograder.launch.suite import units"
    assert stated in conftest
    (tests / "conftest.py").write_text(conftest.replace(stated, 'units = lambda: ["tests/test_mine.py"]'))
    for name in ("test_mine", "test_other"):
        (tests / f"{name}.py").write_text(PROGRAM)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = unit\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COVERAGE_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    told = subprocess.run(command, cwd=tmp_path, env=kept, check=False, capture_output=True, text=True).stdout
    assert "1 failed, 3 passed" in told
    assert "test_mine.py::test_starts_a_program starts a program: take its file out of tests/units.txt" in told
