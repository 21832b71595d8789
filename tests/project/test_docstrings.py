"""Docstrings: their examples run, and an exception to a rule says why."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("autograder/**/*.py"), *ROOT.glob("site/hooks/*.py"), *ROOT.glob("docker/**/*.py")])
WITH_EXAMPLES = [path for path in SOURCES if re.search(r"^\s*>>> ", path.read_text("utf-8"), re.MULTILINE)]
_EXCEPTION = re.compile(r"#\s*(?:ruff: )?(?:type: ignore\[[\w, -]+\]|noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*)(?P<why>.*)")


def unexplained(text: str) -> list[str]:
    """Lines that except themselves from a rule, and say why neither there nor in a comment above."""
    lines = text.splitlines()
    found = []
    for above, line in zip(["", *lines], lines, strict=False):
        seen = _EXCEPTION.search(line)
        why = seen["why"].strip(" #-") if seen else ""
        if seen and not why and not above.strip().startswith("# "):
            found.append(line.strip())
    return found


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_of_a_docstring_say_what_comes_out(path: Path) -> None:
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert doctest.testmod(module).failed == 0


def test_examples_are_found() -> None:
    assert any(path.name == "spread.py" for path in WITH_EXAMPLES)


def test_every_exception_to_a_rule_says_why() -> None:
    assert {str(path): lines for path in SOURCES if (lines := unexplained(path.read_text("utf-8")))} == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("import a  # noqa: F401\n", 1),
        ("import a  # noqa: F401 - it registers itself\n", 0),
        ("x = y  # type: ignore[misc]\n", 1),
        ("x = y  # type: ignore[misc]  # the stubs are old\n", 0),
        ("# The reason.\n# ruff: noqa: PTH123\n", 0),
        ("\n# ruff: noqa: PTH123\n", 1),
    ],
)
def test_an_exception_without_a_reason_is_seen(text: str, count: int) -> None:
    assert len(unexplained(text)) == count
