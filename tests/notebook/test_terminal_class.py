"""A lab in a terminal and the class: the folder is JupyterLab's own, and what is submitted is what grading collects."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.launch.conftest import Bench

pytestmark = [pytest.mark.xdist_group("machine"), pytest.mark.slow]


def test_work_that_is_submitted_from_a_terminal_arrives_where_the_class_collects_it(bench: Bench) -> None:
    config = bench.home / "labs" / "spread-the-load" / "conf" / "nginx.conf"
    config.write_text(config.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    ran = subprocess.run(
        [bench.script, "lab", "spread-the-load"],
        env=bench.environment(),
        input="syntax\nsubmit\n",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (handed_in,) = (bench.home / "exchange" / "many-hands" / "inbound").glob("*+spread-the-load+*")
    assert f"Submitted to {handed_in.parent}" in ran.stdout
    assert (handed_in / "conf" / "nginx.conf").read_text(encoding="utf-8").endswith("# mine\n")
    assert (handed_in / "spread-the-load.ipynb").exists()
    assert bench.gone()
