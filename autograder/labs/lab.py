"""What a lab is: plain data, read from ``lab.toml`` and ``stack.toml`` in its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.labs.rewriting import Rewriting
from autograder.stack.model import Stack

JUDGED_BY = 1
"""Raise it when a check, the judge or the examiner changes what a submission gets."""


@dataclass(frozen=True)
class Variant:
    """Whose version of a lab: drawn from the class's ``seed`` for the ``student`` that grading knows by this name.

    The seed is the instructor's; nothing that a learner hands in says which variant is theirs.
    """

    seed: str
    student: str


@dataclass(frozen=True)
class Check:
    """One check of a lab: a question put to the running stack, worth ``points``.

    ``clients`` are the populations a learner sees it run with; ``hidden`` ones are added when it is graded. ``hints``
    grow: the first says where to look, the last shows the idea on a different config; none is the answer.
    """

    name: str
    kind: str
    title: str
    points: float
    clients: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    requests: int = 600
    concurrency: int = 32
    hints: tuple[str, ...] = ()
    page: str = ""
    """Page of the course that teaches it, relative to the site's root."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the lab says to this kind of check, beside the defaults of :attr:`Kind.settings`."""


@dataclass(frozen=True)
class Start:
    """One of the folders that a learner may start from, with what its files must get: check → outcome, and mistakes."""

    folder: str
    checks: Mapping[str, str] = field(default_factory=dict)
    diagnosis: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """What differs between students: ``[variants]`` in ``lab.toml``. :mod:`autograder.labs.variants` tells how.

    ``families`` are names for servers, by which ``counts`` of them are called; ``repeat`` is the server that stands for
    as many alike as are needed. ``draws`` are further choices, the first of each being the lab as written. What was
    drawn decides ``facts``, ``texts`` (what the lab says → template), ``checks`` (name → field → expression) and
    ``servers`` (field → expression).
    """

    counts: tuple[int, ...] = ()
    repeat: str = ""
    families: tuple[tuple[str, ...], ...] = ()
    draws: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    servers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lab:
    """A lab: a stack, files to mend, checks. ``files`` are what a submission is made of, by relative path.

    With a ``variant`` everything is as one student has it: stack, checks, and the files that :meth:`read` gives.
    """

    slug: str
    title: str
    minutes: int
    module: str
    objectives: tuple[str, ...]
    folder: Path
    notebook: Path
    files: tuple[str, ...]
    stack: Stack
    checks: tuple[Check, ...]
    starts: tuple[Start, ...] = (Start("start"),)
    """Where learners may start from; the first is the lab's as written."""
    rules: Rules | None = None
    """What differs between students; None for a lab that is the same for everybody."""
    variant: Variant | None = None
    """Whose version this is; None for the lab as it is written."""
    rewriting: Rewriting = field(default_factory=Rewriting)
    """From the lab as it is written to this version."""

    @property
    def start(self) -> Path:
        """Folder of the files as a learner first gets them; to be read with :meth:`read`."""
        return self.folder / self.starts[0].folder

    @property
    def reference(self) -> Path:
        """Folder of a submission that earns every point."""
        return self.folder / "reference"

    @property
    def other_ways(self) -> tuple[Path, ...]:
        """Folders of further submissions that earn every point."""
        return tuple(sorted(path for path in self.reference.glob("other-ways/*") if path.is_dir()))

    @property
    def wrong(self) -> tuple[Path, ...]:
        """Folders of plausible wrong mends, each with an ``expect.toml``."""
        return tuple(sorted(path.parent for path in self.folder.glob("wrong/*/expect.toml")))

    @property
    def points(self) -> float:
        """Points of all checks together."""
        return sum(check.points for check in self.checks)

    @property
    def version(self) -> str:
        """Twelve hex digits of everything that decides a verdict: checks, stack, and how they are judged."""
        text = f"{JUDGED_BY} {self.stack!r} {self.checks!r} {self.files!r}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def check(self, name: str) -> Check:
        """The check called ``name``; ``KeyError`` if there is none."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def read(self, folder: Path) -> dict[str, bytes]:
        """The lab's files in ``folder`` that are there; never for a submission.

        Those of the lab's own folders (``start``, ``reference``, …) are as this variant has them; a learner's are as
        they are.
        """
        files = {name: (folder / name).read_bytes() for name in self.files if (folder / name).is_file()}
        if not folder.is_relative_to(self.folder):
            return files
        return {name: self.rewriting.file(data) for name, data in files.items()}
