"""CI trusts a green run, so a test that quietly skips must not be green there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

SKIPS = """
import pytest

def test_skips():
    pytest.skip("no moon tonight")

@pytest.mark.skipif(True, reason="no moon tonight")
def test_skips_by_mark(): ...

@pytest.mark.xfail(reason="known", strict=True)
def test_known_to_fail():
    assert False
"""


@pytest.mark.parametrize(
    ("ci", "allowed", "workers", "counted"),
    [
        ("true", "", "1", "1 failed, 1 xfailed, 1 error"),
        ("true", "no moon tonight\n", "0", "2 skipped, 1 xfailed"),
        ("", "", "0", "2 skipped, 1 xfailed"),
    ],
)
def test_ci_fails_a_skip_nobody_allowed(tmp_path: Path, ci: str, allowed: str, workers: str, counted: str) -> None:
    said = run(tmp_path, SKIPS, ci, allowed, workers)
    assert counted in said
    assert "no moon tonight" in said


def test_ci_fails_a_module_that_skips_itself(tmp_path: Path) -> None:
    said = run(tmp_path, "import pytest\npytest.importorskip('no_such_module')\n", "true", "", "0")
    assert "1 error" in said or "1 failed" in said
    assert "no_such_module" in said


def run(folder: Path, tests: str, ci: str, allowed: str, workers: str) -> str:
    shutil.copy2(HERE / "conftest.py", folder)
    (folder / "allowed_skips.txt").write_text(f"# reasons\n{allowed}")
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  docker: x\n  browser: x\n")
    command = [sys.executable, "-P", "-m", "pytest", "-ra", "-n", workers, "-p", "no:cacheprovider", folder]
    environment = {**os.environ, "CI": ci}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout
