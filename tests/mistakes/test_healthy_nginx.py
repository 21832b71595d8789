"""Real-life configs that are right: the catalogue has nothing to say about any of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.mistakes.catalogue import find_mistakes
from autograder.mistakes.nginx_config import read_nginx
from autograder.stack.twin.twin import open_twin

CONFIGS = sorted((Path(__file__).parent / "healthy" / "nginx").glob("*.conf"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_nothing_is_found_in_a_healthy_config(path: Path) -> None:
    files = {"nginx.conf": path.read_bytes()}
    assert read_nginx(files, "nginx.conf").passes, "it was not read at all"
    assert [f"{f.line}: {f.mistake}: {f.message}" for f in find_mistakes(files, "nginx.conf")] == []


def test_there_are_configs_of_many_kinds() -> None:
    assert len(CONFIGS) >= 15


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_nginx_runs_it(path: Path) -> None:
    with open_twin({"nginx.conf": path.read_bytes()}, "nginx.conf", "nginx") as twin:
        assert twin.applied.ok, twin.applied.faults
