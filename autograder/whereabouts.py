"""Where labs, pages and images are: in the clone, or in the shared folder that an installed wheel brought."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
"""The folder of this package."""
_SHARED = Path("share/many-hands")
"""pyproject.toml puts it there, below the folder that Python calls ``data``: one of those above the package."""


def _root() -> Path:
    beside = PACKAGE.parent
    if (beside / "labs").is_dir():
        return beside
    return next((place for folder in PACKAGE.parents if (place := folder / _SHARED).is_dir()), beside)


ROOT = _root()
"""The folder that has ``labs``, ``course``, ``site`` and ``docker``."""
INSTALLED = PACKAGE.parent != ROOT
"""Whether a wheel was installed (by pipx, uv tool, pip); else this runs from a clone."""
COMMAND = "manyhands" if INSTALLED else "./manyhands"
"""What a user types before a verb."""


def spoken(text: str) -> str:
    """A text for users: it names the command as they have it."""
    return text.replace("./manyhands", COMMAND) if INSTALLED else text
