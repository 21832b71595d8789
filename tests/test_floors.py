"""The house: every floor imports only floors below it, and no file needs a map."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "autograder"
FLOORS = (
    "errors",
    "durable",
    "stack",
    "traffic",
    "judge",
    "mistakes",
    "inspect",
    "guard",
    "labs",
    "grading",
    "notebook",
    "launch",
    "bench",
    "verbs",
    "cli",
    "__main__",
)
"""Ground first."""
MAX_LINES = 400
MODULES = sorted(PACKAGE.rglob("*.py"))


def floor_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{name.name}" for name in node.names} | {node.module}
    return {name for name in found if name.startswith("autograder.")}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_no_floor_above_its_own(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    own = relative.parts[0].removesuffix(".py")
    if own == "__init__":
        assert imported(path) == set()
        return
    above = set(FLOORS[FLOORS.index(own) + 1 :])
    reached = {floor_of(name) for name in imported(path)} & above
    assert reached == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_short_enough_to_be_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_folders_that_would_shadow_others_are_no_packages() -> None:
    root = PACKAGE.parent
    assert not (root / "docker" / "__init__.py").exists()
    assert not (root / "site" / "__init__.py").exists()
