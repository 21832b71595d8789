"""`./manyhands test`: which parts run with what, in which order, and whose exit code it is in the end."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from autograder.launch import suite

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FINE, FAILS = ["this"], ["autograder.no_such_module"]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have been run after `python -P -m`; all of it ends well."""
    commands: list[list[str]] = []

    def run(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        commands.append([*command][3:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_all_parts_run_also_when_one_fails_and_the_worst_exit_code_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "PARTS", {"lint": [FAILS, FINE], "types": [FINE], "package": [FINE]})
    said: list[str] = []
    assert suite.run((), None, said.append) == 1
    assert said[:-1] == ["— autograder.no_such_module", *["— this"] * 3]
    assert said[-1].startswith("— lint FAILED, types ok, package ok (")
    assert suite.run((), "types", said.append) == 0
    assert said[-2:][0] == "— this"


def test_with_arguments_only_pytest_runs(ran: list[list[str]]) -> None:
    assert suite.run(("tests/judge", "--", "-x"), None, lambda _: None) == 0
    order = ["-p", "randomly", "--randomly-dont-reset-seed", f"--randomly-seed={suite.seed_of_order()}"]
    assert ran == [[*suite.PARTS["unit"][0], *order, "tests/judge", "-x"]]


def test_the_order_is_another_one_when_a_test_changes_and_only_then(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(suite, "ROOT", tmp_path)
    test = tmp_path / "tests" / "judge" / "test_it.py"
    test.parent.mkdir(parents=True)
    test.write_text("def test_it() -> None: ...\n", encoding="utf-8")
    first = suite.seed_of_order()
    assert first == suite.seed_of_order()
    test.write_text("def test_that() -> None: ...\n", encoding="utf-8")
    assert first != suite.seed_of_order()


def test_unit_tests_are_those_of_the_list_and_are_told_in_one_word(ran: list[list[str]]) -> None:
    said: list[str] = []
    suite.run((), None, said.append, unit=True)
    (command,) = ran
    assert command[-len(suite.units()) :] == suite.units()
    assert "randomly" in command
    assert not [word for word in command if word.startswith("--randomly-seed")]  # another order each time
    assert said[0].endswith("@tests/units.txt")
    assert "tests/judge" not in said[0]


@pytest.mark.parametrize("arguments", [(), ("tests/judge",)])
def test_coverage_is_begun_measured_in_sandboxes_too_combined_and_told(
    arguments: tuple[str, ...], ran: list[list[str]]
) -> None:
    suite.run(arguments, None, lambda _: None, coverage=True)
    assert [command[:2] for command in ran] == [
        ["coverage", "erase"],
        ["tests.measured.marks", "begin"],
        ["coverage", "run"],
        ["tests.measured.marks", "end"],
        ["coverage", "combine"],
        ["coverage", "json"],
        ["coverage", "html"],
        ["coverage", "report"],
    ]
    assert ran[2][2:4] == ["-m", "pytest"]
    assert {*arguments, "tests.measured.plugin"} < {*ran[2]}
    asks_for_no_floor = [command for command in ran if "--fail-under" in command]
    assert len(asks_for_no_floor) == (3 if arguments else 0), "a part of the tests need not cover what all of them do"
