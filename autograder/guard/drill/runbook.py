"""A runbook: the user's own commands, step by step. A TOML file, or a shell script whose blocks are the steps.

A TOML file has a table ``[[step]]`` for each step: ``name``, ``run`` (shell commands), ``within`` (how long they may
take), ``may-fail``; or, for what a person does, ``name`` and ``takes``. In a shell script a line ``# step: NAME``
begins a step; what stands before the first one (functions, variables) stands before each of them.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from autograder.errors import ManyHandsError, suggestion
from autograder.guard.drill.durations import seconds
from autograder.inspect.folder import beside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WITHIN_S: Final = 60.0
"""How long a step may take that says nothing of it."""
_LONGEST_S: Final = 3600.0
_MOST_STEPS: Final = 100
_LARGEST: Final = 1 << 20
_KEYS: Final = ("name", "run", "within", "may-fail", "takes")
_BEGINS: Final = re.compile(r"^#+[ \t]*step:[ \t]*(.+?)[ \t]*$", re.I)


class RunbookError(ManyHandsError):
    """A runbook that cannot be followed."""


@dataclass(frozen=True)
class Step:
    """One step. ``run`` is a shell script, empty for what a person does, which ``takes`` so many seconds.

    ``shell`` is the program that reads ``run``; a command in it that fails ends the step.
    """

    name: str
    run: str = ""
    within_s: float = WITHIN_S
    may_fail: bool = False
    takes_s: float = 0.0
    shell: str = "sh"


@dataclass(frozen=True)
class Runbook:
    """The steps in order, and the ``files`` that lie beside the runbook (relative path → content)."""

    name: str
    steps: tuple[Step, ...]
    files: Mapping[str, bytes]


def read_runbook(path: Path) -> Runbook:
    """The runbook in a file, with the files of its folder. Raises :class:`RunbookError`."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", "") or ""
        raise RunbookError(
            "the runbook cannot be read", where=str(path), why=why, remedy="leave out --runbook to see an example"
        ) from None
    if len(content) > _LARGEST:
        raise RunbookError("no runbook is larger than 1 MiB", where=str(path))
    try:
        text = content.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise RunbookError("the runbook is not UTF-8", where=str(path), remedy="save it as UTF-8") from None
    steps = _of_toml(text, str(path)) if path.suffix == ".toml" else of_script(text, str(path))
    if not 0 < len(steps) <= _MOST_STEPS:
        raise RunbookError(
            f"a runbook has 1 to {_MOST_STEPS} steps, not {len(steps)}",
            where=str(path),
            remedy='begin each with [[step]] in a TOML file, or with a line "# step: NAME" in a script',
        )
    if not any(step.run for step in steps):
        raise RunbookError("no step of the runbook runs anything", where=str(path), remedy="give a step its commands")
    return Runbook(path.name, steps, dict(beside(path.resolve().parent).files))


def of_script(text: str, where: str) -> tuple[Step, ...]:
    """The steps of a shell script. Without any line ``# step: NAME`` all of it is one step."""
    lines = text.splitlines()
    first = lines[0] if lines and lines[0].startswith("#!") else ""
    shell = "bash" if "bash" in first else "sh"
    before: list[str] = []
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if begins := _BEGINS.match(line):
            found.append((begins[1], []))
        else:
            (found[-1][1] if found else before).append(line)
    if not found:
        name = where.rpartition("/")[2]
        return (Step(name, text, _LONGEST_S / 6, shell=shell),) if text.strip() else ()
    steps: list[Step] = []
    for name, body in found:
        if not any(line.strip() and not line.lstrip().startswith("#") for line in body):
            raise RunbookError(f"the step {name!r} has no commands", where=where, remedy="take its line out")
        steps.append(Step(name, "\n".join((*before, *body)) + "\n", shell=shell))
    return tuple(steps)


def _of_toml(text: str, where: str) -> tuple[Step, ...]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        place = f"{where}:{line[1]}" if line else where
        raise RunbookError("this is not TOML", where=place, why=str(error)) from None
    unknown = next(iter(set(data) - {"step"}), "")
    rows = data.get("step", [])
    if unknown or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        what = f"a runbook has no {unknown!r}" if unknown else "step is a list of tables"
        raise RunbookError(what, where=where, remedy="begin each step with [[step]]")
    return tuple(_step(row, number, where) for number, row in enumerate(rows, 1))


def _step(row: dict[str, Any], number: int, where: str) -> Step:
    place = f"{where}, step {number}"
    for key, value in row.items():
        if key not in _KEYS:
            raise RunbookError(f"a step has no {key!r}", where=place, remedy=suggestion(key, _KEYS))
        wanted = bool if key == "may-fail" else str
        if not isinstance(value, wanted):
            kind = "true or false" if wanted is bool else "a text"
            raise RunbookError(f"{key} is {kind}, not {value!r}", where=place)
    if not row.get("name", "").strip():
        raise RunbookError("this step has no name", where=place, remedy='say name = "…"')
    if bool(row.get("run", "").strip()) == ("takes" in row):
        raise RunbookError(
            "a step either runs commands or takes a person some time",
            where=place,
            remedy='give it run = "…", or takes = "5m"',
        )
    within = seconds(row["within"], place) if "within" in row else WITHIN_S
    if within > _LONGEST_S:
        raise RunbookError("a step may run for an hour at most", where=place, remedy='say within = "60m" or less')
    return Step(
        row["name"].strip(),
        row.get("run", ""),
        within,
        row.get("may-fail", False),
        seconds(row["takes"], place) if "takes" in row else 0.0,
    )
