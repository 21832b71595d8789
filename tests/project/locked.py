"""What the lock file names, with the licence that each package says it has."""

from __future__ import annotations

import importlib.metadata
import re
from dataclasses import dataclass
from pathlib import Path

LOCK = Path(__file__).parents[2] / "requirements.txt"
_LINE = re.compile(r"^([A-Za-z0-9_.-]+)==([^ \\]+)(?: ; ([^\\]*?))? ?\\?$", re.MULTILINE)
_SPDX = re.compile(r"[A-Za-z0-9.-]+")
_CALLED = {
    "mit license": "MIT",
    "mit": "MIT",
    "bsd license": "BSD-3-Clause",
    "bsd": "BSD-3-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "apache software license": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "isc license (iscl)": "ISC",
    "python software foundation license": "PSF-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "gnu library or lesser general public license (lgpl)": "LGPL-2.0-or-later",
    "gplv2": "GPL-2.0-only",
}
"""What packages wrote before there were SPDX expressions → the expression."""
_READ = {
    "atheris": "Apache-2.0",  # its LICENSE file
    "axe-playwright-python": "MIT",  # its LICENSE file
    "appnope": "BSD-2-Clause",  # macOS only
    "pywin32": "PSF-2.0",  # Windows only
    "pywinpty": "MIT",  # Windows only
}
"""Packages whose metadata says nothing, or that this system does not have: read by a person."""


@dataclass(frozen=True)
class Package:
    """One package of the lock. ``licence`` is an SPDX expression, empty where nobody knows; ``only_if`` a marker."""

    name: str
    version: str
    only_if: str
    licence: str


def packages(lock: str | None = None) -> tuple[Package, ...]:
    """Every package of the lock file (or of a text like it), in its order."""
    text = LOCK.read_text("utf-8") if lock is None else lock
    return tuple(
        Package(name, version, (marker or "").strip(), licence(name)) for name, version, marker in _LINE.findall(text)
    )


def licence(name: str) -> str:
    """The SPDX expression of an installed package, from its metadata, else from what a person has read."""
    try:
        said = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return _READ.get(name, "")
    if expression := said.get("License-Expression"):
        return str(expression)
    told = [line.split("::")[-1].strip() for line in said.get_all("Classifier", []) if line.startswith("License ::")]
    found = [_CALLED[one.lower()] for one in told if one.lower() in _CALLED]
    if not found:
        first = next(iter((said.get("License") or "").strip().splitlines()), "").lower()
        found = [_CALLED[first]] if first in _CALLED else []
    return " OR ".join(sorted(set(found))) or _READ.get(name, "")


def identifiers(expression: str) -> list[str]:
    """The licences that an SPDX expression names."""
    return [word for word in _SPDX.findall(expression) if word not in ("AND", "OR", "WITH")]
