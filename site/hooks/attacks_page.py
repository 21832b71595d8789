"""What submissions try, and what honest people meet: a page each, made from the corpus that the tests grade."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parents[2]))  # `mkdocs build` may be run by itself


def on_files(files: Files, config: Any) -> Files:
    """Add the two pages."""
    files.append(File.generated(config, "instructors/attacks.md", content=attacks()))
    files.append(File.generated(config, "instructors/mishaps.md", content=mishaps()))
    return files


def attacks() -> str:
    """Every attack of the corpus, as Markdown."""
    import autograder.grading  # noqa: F401 - before nbformat, which the corpus uses, and two seconds sooner for it
    from tests.hostile.attacks import ATTACKS
    from tests.hostile.configs import CONFIGS

    number = len(ATTACKS) + len(CONFIGS)
    return f"""---
description: >-
  {number} ways in which a submission may try to gain points, read secrets, or stop a class; each graded by a test.
---

# What submissions try

*For whoever has to trust the grades. Each line is a submission in our tests. All of them are graded in one class,
together with honest ones: no attack gains a point, none reaches anything outside its box, and the class is graded to
the end.*

## By what is handed in

{_listed(ATTACKS)}

## By the configuration

{_listed(CONFIGS)}

## What cannot be excluded

A configuration can be fair to the first thousands of connections, and unfair afterwards. No finite test sees that. It
is no advantage in class: the learner's own checks see the same traffic as the grader's.

Programs that learners write are another matter. They run in a [sandbox of their own](../reference/programs.md), and
have their own list of attacks in `tests/hostile/test_programs.py`.
"""


def mishaps() -> str:
    """Every mishap of the corpus, as Markdown."""
    import autograder.grading  # noqa: F401 - before nbformat, which the corpus uses, and two seconds sooner for it
    from tests.hostile.mishaps import MISHAPS

    return f"""---
description: >-
  {len(MISHAPS)} accidents of honest learners, from a copied cell to a file in the wrong folder, which cost nothing.
---

# What may go wrong, and costs nothing

*For learners who worry, and for whoever is asked. Each line is a submission in our tests, and gets every point that the
same work gets without the accident.*

{_listed(MISHAPS)}

Is something missing that happened to you? Tell us: it belongs on this list.
"""


def _listed(entries: Iterable[Any]) -> str:
    return "\n".join(f"- **{entry.name.replace('-', ' ')}.** {_plain(entry.tries)}." for entry in entries)


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split()).replace("<", "&lt;").rstrip(".")
