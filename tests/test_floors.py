"""The house: every floor imports only floors below it, no file needs a map, and each floor says where to begin."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from importlinter.cli import lint_imports

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "autograder"
SETTINGS = ROOT / "pyproject.toml"
CONTRACTS = tomllib.loads(SETTINGS.read_text("utf-8"))["tool"]["importlinter"]["contracts"]
FLOORS: tuple[str, ...] = tuple(reversed(CONTRACTS[0]["layers"]))
"""Ground first, as pyproject.toml has them."""
MAX_LINES = 400
MODULES = sorted(PACKAGE.rglob("*.py"))
STOREYS = [floor for floor in FLOORS if (PACKAGE / floor).is_dir()]


def imports_hold(settings: Path) -> bool:
    """Whether every import of the package keeps the contracts of a settings file; what does not is printed."""
    return lint_imports(str(settings), no_cache=True, no_logo=True) == 0


def test_every_import_keeps_the_contracts(capsys: pytest.CaptureFixture[str]) -> None:
    assert imports_hold(SETTINGS), capsys.readouterr().out


def test_an_import_against_the_floors_is_seen(tmp_path: Path) -> None:
    upside_down = '", "'.join(FLOORS)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.importlinter]\nroot_package = "autograder"\n[[tool.importlinter.contracts]]\nname = "upside down"\n'
        f'type = "layers"\ncontainers = ["autograder"]\nlayers = ["{upside_down}"]\n'
    )
    assert not imports_hold(tmp_path / "pyproject.toml")


def test_the_first_contract_is_the_house() -> None:
    assert CONTRACTS[0] | {"layers": []} == {
        "id": "floors",
        "name": "a floor imports only floors below it",
        "type": "layers",
        "containers": ["autograder"],
        "exhaustive": True,
        "layers": [],
    }


def too_long(paths: Iterable[Path]) -> dict[str, int]:
    """Files with more lines than anybody reads at once."""
    found = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in paths}
    return {path: lines for path, lines in found.items() if lines > MAX_LINES}


def test_a_module_is_short_enough_to_be_read() -> None:
    assert too_long([*MODULES, *ROOT.glob("site/hooks/*.py")]) == {}


@pytest.mark.parametrize("floor", STOREYS)
def test_a_floor_says_what_it_is_what_it_may_import_and_where_to_begin(floor: str) -> None:
    said = ast.get_docstring(ast.parse((PACKAGE / floor / "__init__.py").read_text("utf-8"))) or ""
    first, _, rest = said.partition("\n\n")
    assert len(" ".join(first.split())) > 20
    assert "May import " in rest, "what may it import?"
    begin = re.search(r"Start\s+reading\s+at\s+:mod:`autograder\.([\w.]+)`", rest)
    assert begin, "where does one begin?"
    begun = PACKAGE / Path(*begin[1].split("."))
    assert begun.with_suffix(".py").exists() or (begun / "__init__.py").exists()


def test_every_module_says_what_it_does_before_anything_else() -> None:
    silent = [str(path) for path in MODULES if not _first_sentence(path)]
    assert silent == []


def _first_sentence(path: Path) -> str:
    text = path.read_text("utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0] if text else ""


def test_folders_that_would_shadow_others_are_no_packages() -> None:
    assert not (ROOT / "docker" / "__init__.py").exists()
    assert not (ROOT / "site" / "__init__.py").exists()
