"""The pages that there have to be: those that are written, and those that are made."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from types import ModuleType

from autograder.mistakes.catalogue import mistakes

ROOT = Path(__file__).parents[2]
COURSE = ROOT / "course"
LABS = sorted(path.parent.name for path in ROOT.glob("labs/*/lab.toml"))
SOURCES = sorted(path for path in COURSE.rglob("*.md"))


@functools.cache
def hook(name: str) -> ModuleType:
    """A hook of the site, such as ``playground``: a file that MkDocs loads by its path."""
    found = importlib.util.spec_from_file_location(f"{name}_hook", ROOT / f"site/hooks/{name}.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


WRITTEN = [path.relative_to(COURSE).with_suffix(".html").as_posix() for path in SOURCES]
GENERATED = [
    "instructors/attacks.html",
    "instructors/mishaps.html",
    "field-guide/index.html",
    "field-guide/directives.html",
    *(f"field-guide/{mistake.slug}.html" for mistake in mistakes()),
    "progress.html",
    "print/index.html",
    "slides/index.html",
    "reference/facts.html",
    "labs/index.html",
    "reference/measurements.html",
    *(f"labs/{lab}.html" for lab in LABS if not (COURSE / "labs" / f"{lab}.md").exists()),
    "reference/api/index.html",
    *(f"reference/api/{floor}.html" for floor in hook("api_pages").FLOORS),
]
"""The first five are of five makes."""
NAMES = [*WRITTEN, *GENERATED]
