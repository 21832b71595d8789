"""`./manyhands bench NAME`: how much it measures with which words, what it prints, and what its exit code says."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from autograder.bench import catalogue, classroom, fairness, grading, guarding, inspecting, room, stacks
from autograder.bench.site import table as site
from autograder.cli import main

if TYPE_CHECKING:
    from types import ModuleType

MODULES: dict[str, ModuleType] = {
    "catalogue": catalogue, "classroom": classroom, "fairness": fairness, "grading": grading, "guard": guarding,
    "inspect": inspecting, "room": room, "site": site, "stacks": stacks,
}  # fmt: skip
TOLD = {"seen": 3}


class Outcome(dict[str, Any]):
    """What a benchmark found out: plain data, in words, and whether it is good enough."""

    exit_code = 1

    def to_dict(self) -> dict[str, Any]:
        return dict(self)

    def report(self) -> str:
        return "a table"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[object]]:
    """Name → what it was told to measure. Nothing is: each takes minutes, and has tests of its own."""
    said: dict[str, list[object]] = {}

    def measure(name: str) -> Any:
        def note(*words: object, **more: object) -> object:
            said[name] = [word for word in (*words, *more.values()) if not callable(word)]
            return [SimpleNamespace(good=False, to_dict=lambda: TOLD)] if name == "site" else Outcome(TOLD)

        return note

    for name, module in MODULES.items():
        monkeypatch.setattr(module, "measure", measure(name))
        if hasattr(module, "report"):
            monkeypatch.setattr(module, "report", lambda _: "a table")
    return said


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        ("stacks --no-docker", [False], 0),
        ("inspect", [], 0),
        ("room", [], 0),
        ("catalogue --only weight-skew --only port-typo", [("weight-skew", "port-typo")], 0),
        ("classroom", [classroom.LEARNERS], 1),
        ("classroom --quick", [classroom.QUICK], 1),
        ("classroom --quick --learners 3", [3], 1),
        ("grading", [grading.SIZES], 0),
        ("grading --quick", [grading.QUICK], 0),
        ("fairness", [fairness.RUNS], 1),
        ("fairness --runs 7", [7], 1),
        ("site --quick", [True], 1),
        ("guard --incidents 3 --benign 4 --seed 5 --jobs 2 --kill", [3, 4, 5, 2, None, True], 1),
    ],
)
def test_each_measures_as_much_as_it_is_told_to(
    words: str, told: list[object], code: int, asked: dict[str, list[object]], capsys: pytest.CaptureFixture[str]
) -> None:
    name = words.split(maxsplit=1)[0]
    assert main(["bench", *words.split()]) == code
    assert asked == {name: told}
    assert capsys.readouterr().out == "a table\n"
    assert main(["bench", *words.split(), "--json"]) == code
    assert json.loads(capsys.readouterr().out) == ([TOLD] if name == "site" else TOLD)
