"""Find labs and read them. Bad lab files are refused with the file and the word that is wrong."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from autograder.errors import ManyHandsError, nearest
from autograder.labs.lab import Check, Lab, Variant
from autograder.stack.model import load_stack

LABS = Path(__file__).resolve().parents[2] / "labs"
KINDS = ("loads", "spread", "one-down", "peak")


class LabError(ManyHandsError):
    """A lab that is not there or cannot be read."""


def all_labs(folder: Path = LABS) -> tuple[Lab, ...]:
    """Every lab under ``folder``, in the order of their ``order`` numbers, then by name."""
    return tuple(load_lab(slug, folder=folder) for slug in _slugs(folder))


def load_lab(slug: str, variant: Variant | None = None, *, folder: Path = LABS) -> Lab:
    """The lab called ``slug``, as it is written or, with a ``variant``, as one student gets it.

    The same variant is the same lab on every machine and in every process; a lab without ``[variants]`` is the same for
    everybody. Raises :class:`LabError` naming the labs that exist, or what is wrong with the file.
    """
    known = _slugs(folder)
    if slug not in known:
        close = nearest(slug, known)
        raise LabError(
            f"there is no lab called {slug!r}",
            why=f"the labs here are: {', '.join(known) or 'none'}",
            remedy=f"did you mean {close}?" if close else "run ./manyhands labs for the list",
        )
    lab = _read(folder / slug)
    return lab if variant is None else replace(lab, variant=variant)


@cache
def _order(path: Path) -> int:
    try:
        return int(tomllib.loads(path.read_text(encoding="utf-8")).get("order", 99))
    except (OSError, ValueError):
        return 99  # the loader will say what is wrong with it


def _slugs(folder: Path) -> list[str]:
    return sorted(
        (path.parent.name for path in folder.glob("*/lab.toml")), key=lambda n: (_order(folder / n / "lab.toml"), n)
    )


def _read(folder: Path) -> Lab:
    path = folder / "lab.toml"
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LabError("this lab cannot be read", where=str(path), why=str(error), remedy="mend the line") from error
    known = {"title", "minutes", "module", "objectives", "files", "checks", "order"}
    for key in data.keys() - known:
        raise _unknown(path, key, known)
    missing = {"title", "minutes", "module", "objectives", "files", "checks"} - data.keys()
    if missing:
        raise LabError(f"{', '.join(sorted(missing))} is missing", where=str(path), remedy="see the other labs")
    return Lab(
        slug=folder.name,
        title=str(data["title"]),
        minutes=int(data["minutes"]),
        module=str(data["module"]),
        objectives=tuple(data["objectives"]),
        folder=folder,
        notebook=folder / f"{folder.name}.py",
        files=tuple(data["files"]),
        stack=load_stack(folder / "stack.toml"),
        checks=tuple(_check(path, row) for row in data["checks"]),
    )


def _check(path: Path, row: dict[str, Any]) -> Check:
    known = {field.name for field in fields(Check)}
    for key in row.keys() - known:
        raise _unknown(path, key, known)
    if row.get("kind") not in KINDS:
        raise LabError(
            f"unknown kind of check {row.get('kind')!r}", where=str(path), remedy=f"use one of {', '.join(KINDS)}"
        )
    try:
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        return Check(**values)
    except TypeError as error:
        raise LabError("a check lacks a value", where=str(path), why=str(error), remedy="see the other labs") from error


def _unknown(path: Path, key: str, known: set[str]) -> LabError:
    close = nearest(key, sorted(known))
    return LabError(f"unknown key {key!r}", where=str(path), remedy=f"did you mean {close!r}?" if close else "")
