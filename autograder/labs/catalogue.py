"""Find labs, and give them as they are written or as one student has them."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from autograder.errors import nearest
from autograder.labs.lab import Lab, Variant
from autograder.labs.lab_file import LabError, read_lab
from autograder.whereabouts import ROOT

__all__ = ["LABS", "LabError", "all_labs", "load_lab"]

LABS = ROOT / "labs"


def all_labs(folder: Path = LABS) -> tuple[Lab, ...]:
    """Every lab under ``folder``, in the order of their ``order`` numbers, then by name."""
    return tuple(load_lab(slug, folder=folder) for slug in _slugs(folder))


def load_lab(slug: str, variant: Variant | None = None, *, folder: Path = LABS) -> Lab:
    """The lab called ``slug``, as it is written or, with a ``variant``, as one student gets it.

    The same variant is the same lab on every machine and in every process; a lab without ``[variants]`` is the same for
    everybody. Raises :class:`LabError` naming the labs that exist, or what is wrong with the file and on which line.
    """
    known = _slugs(folder)
    if slug not in known:
        close = nearest(slug, known)
        raise LabError(
            f"there is no lab called {slug!r}",
            why=f"the labs here are: {', '.join(known) or 'none'}",
            remedy=f"did you mean {close}?" if close else "run ./manyhands labs for the list",
        )
    lab = read_lab(folder / slug)
    if variant is None:
        return lab
    from autograder.labs.variants import vary  # who needs none need not wait for it

    return vary(lab, variant)


@cache
def _order(path: Path) -> int:
    try:
        return int(tomllib.loads(path.read_text(encoding="utf-8")).get("order", 99))
    except (OSError, ValueError, TypeError, RecursionError):
        return 99  # the loader will say what is wrong with it


def _slugs(folder: Path) -> list[str]:
    return sorted(
        (path.parent.name for path in folder.glob("*/lab.toml")), key=lambda n: (_order(folder / n / "lab.toml"), n)
    )
