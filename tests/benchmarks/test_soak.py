"""A short soak; the long one is run by hand, see soak.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

CYCLES = 50


@pytest.mark.slow
def test_stacks_leave_nothing_behind_however_their_owners_end() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.soak", str(CYCLES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"cycles={CYCLES}" in done.stdout
    assert "killed=0" not in done.stdout
