"""The pages that there have to be: those that are written, and those that are made."""

from __future__ import annotations

from pathlib import Path

from autograder.mistakes.catalogue import mistakes

ROOT = Path(__file__).parents[2]
COURSE = ROOT / "course"
LABS = sorted(path.parent.name for path in ROOT.glob("labs/*/lab.toml"))
SOURCES = sorted(path for path in COURSE.rglob("*.md"))
WRITTEN = [path.relative_to(COURSE).with_suffix(".html").as_posix() for path in SOURCES]
GENERATED = [
    "instructors/attacks.html",
    "instructors/mishaps.html",
    "field-guide/index.html",
    "field-guide/directives.html",
    *(f"field-guide/{mistake.slug}.html" for mistake in mistakes()),
    "progress.html",
    "labs/index.html",
    *(f"labs/{lab}.html" for lab in LABS if not (COURSE / "labs" / f"{lab}.md").exists()),
]
NAMES = [*WRITTEN, *GENERATED]
