"""A short turn of every fuzzer: what was saved, what hypothesis makes of it, and what atheris finds in a moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import harness

ROOT = Path(__file__).resolve().parents[2]
NO_ATHERIS = "atheris is made for x86_64 only"
RUNS = 100


@pytest.mark.parametrize("name", harness.FUZZERS)
def test_what_was_saved_does_no_harm(name: str) -> None:
    seeds = harness.saved(name)
    assert len(seeds) >= 3
    for data in (b"", *seeds):
        harness.fuzzer(name)(data)


@pytest.mark.parametrize("name", harness.FUZZERS)
def test_what_is_made_of_it_does_no_harm(name: str) -> None:
    one = harness.fuzzer(name)

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(harness.inputs(name) | st.binary(max_size=64))
    def prove(data: bytes) -> None:
        one(data)

    prove()


@pytest.mark.parametrize("name", harness.FUZZERS)
def test_atheris_finds_nothing_in_a_moment(name: str, tmp_path: Path) -> None:
    try:
        import atheris
    except ImportError:
        pytest.skip(NO_ATHERIS)
    assert atheris
    command = [sys.executable, "-m", f"tests.fuzz.{name}", "--runs", str(RUNS), "--seed", "1"]
    command += ["--keep", str(tmp_path / "kept")]
    # Where an input that breaks something is written to.
    ran = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, (ran.stderr + ran.stdout)[-3000:]
    assert f"Done {RUNS} runs" in ran.stderr


def test_every_fuzzer_is_in_the_list() -> None:
    beside = {path.stem for path in Path(__file__).parent.glob("*.py")}
    assert set(harness.FUZZERS) == beside - {"harness", "test_fuzz", "__init__"}
    assert {path.name for path in harness.CORPUS.iterdir()} == set(harness.FUZZERS)
