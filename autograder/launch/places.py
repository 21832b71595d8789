"""Where things are that a user makes, and what is built for them."""

from __future__ import annotations

import os
from pathlib import Path

from autograder.errors import ManyHandsError
from autograder.whereabouts import INSTALLED, ROOT

__all__ = ["ROOT", "home", "only_in_a_clone", "site_folder"]


def home() -> Path:
    """The folder that holds everything a user makes: ``$MANYHANDS_HOME``, or ``work/`` in the clone.

    Installed from a wheel, it is ``many-hands`` in the user's own folder. Made when missing. Raises
    :class:`ManyHandsError` when it cannot be written.
    """
    chosen = os.environ.get("MANYHANDS_HOME")
    place = Path(chosen).expanduser().absolute() if chosen else _own_place()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(place, error.strerror or "it cannot be made") from error
    if not os.access(place, os.W_OK | os.X_OK):
        raise _not_writable(place, "it belongs to someone else or is read-only")
    return place


def site_folder(home_folder: Path) -> Path:
    """Where the built site is kept: ``build/site`` in the clone, or in the user's folder if it cannot be written."""
    if INSTALLED:
        return home_folder / ".site"
    build = ROOT / "build"
    writable = os.access(build if build.exists() else ROOT, os.W_OK | os.X_OK)
    return build / "site" if writable else home_folder / ".site"


def only_in_a_clone(what: str) -> None:
    """Raise :class:`ManyHandsError` if this was installed from a wheel, which has no tests, and nothing to change."""
    if INSTALLED:
        raise ManyHandsError(
            f"{what} needs a clone of the repository",
            why="an installed Many Hands has no tests, and nothing of it is meant to be changed",
            remedy="clone the repository, and run the script at its top",
        )


def _own_place() -> Path:
    return Path.home() / "many-hands" if INSTALLED else ROOT / "work"


def _not_writable(place: Path, why: str) -> ManyHandsError:
    return ManyHandsError(
        "cannot write the folder for your work",
        where=str(place),
        why=why,
        remedy="choose another: MANYHANDS_HOME=DIR ./manyhands …",
    )
