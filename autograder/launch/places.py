"""Where things are: the clone, what a user makes, and what is built from the clone."""

from __future__ import annotations

import os
from pathlib import Path

from autograder.errors import ManyHandsError

ROOT = Path(__file__).resolve().parents[2]
"""The clone."""


def home() -> Path:
    """The folder that holds everything a user makes: ``$MANYHANDS_HOME``, or ``work/`` in the clone.

    Made when missing. Raises :class:`ManyHandsError` when it cannot be written.
    """
    chosen = os.environ.get("MANYHANDS_HOME")
    place = Path(chosen).expanduser().absolute() if chosen else ROOT / "work"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(place, error.strerror or "it cannot be made") from error
    if not os.access(place, os.W_OK | os.X_OK):
        raise _not_writable(place, "it belongs to someone else or is read-only")
    return place


def site_folder(home_folder: Path) -> Path:
    """Where the built site is kept: ``build/site`` in the clone, or in the user's folder if the clone is read-only."""
    build = ROOT / "build"
    writable = os.access(build if build.exists() else ROOT, os.W_OK | os.X_OK)
    return build / "site" if writable else home_folder / ".site"


def _not_writable(place: Path, why: str) -> ManyHandsError:
    return ManyHandsError(
        "cannot write the folder for your work",
        where=str(place),
        why=why,
        remedy="choose another: MANYHANDS_HOME=DIR ./manyhands …",
    )
