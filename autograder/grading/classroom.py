"""Setting up a class: nbgrader's course, the released labs, and the learner's own copies.

Runs at every ``./manyhands up``, so it is fast when nothing changed, and it never overwrites what a person edited.
Each lab has a note (``class/prepared/<lab>.json``) of what was made from what; it says ``done`` only when everything
is, so a run that was killed half-way is taken up by the next.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from autograder.errors import ManyHandsError
from autograder.grading.own_copy import copy_for, own_name
from autograder.grading.record import write_whole
from autograder.grading.settings import CONFIG_TEXT, Places
from autograder.grading.variants import same_rules, settle_seed
from autograder.labs.catalogue import all_labs, load_lab
from autograder.labs.handed_out import CLASS_NOTE, class_note
from autograder.labs.lab import Lab

_GENERATOR: Final = "1"
"""Part of every note: raise it when the same lab folder makes another source."""
_SCHEMA: Final = 3
"""nbgrader's metadata schema."""

Progress = Callable[[str], None]


def prepare_class(
    home: Path, labs: Sequence[str] | None = None, progress: Progress | None = None, seed: str | None = None
) -> None:
    """Make everything a class needs under ``home``, as far as it is missing or stale; ``labs`` are slugs, default all.

    ``progress`` gets a sentence for each thing worth saying. ``seed`` decides the variants of a new class: any text, or
    ``none`` for the labs as they are written; by default ``$MANYHANDS_SEED``, else one made at random.

    Raises:
        ManyHandsError: nbgrader could not generate or release a lab, or the class has another seed.
    """
    say = progress or (lambda _: None)
    places = Places(home.absolute())
    chosen = all_labs() if labs is None else tuple(load_lab(slug) for slug in labs)
    drawn = _lay_out(places, seed)
    stale = [lab for lab in chosen if _write_source(places, lab, drawn, say)]
    if stale:
        what = stale[0].slug if len(stale) == 1 else f"{len(stale)} labs"
        say(f"preparing {what} with nbgrader (a few seconds, this once)")
        _publish(places, [lab.slug for lab in stale])
        for lab in stale:
            _write_note(places, lab.slug, {**_note(places, lab.slug), "done": True})
    new = []
    for lab in chosen:
        if not same_rules(places, lab):
            say(
                f"the variants of {lab.slug} are drawn in another way than when this class began: whoever has a copy "
                "is graded against names they never saw. Go back to the earlier labs, or begin a new class"
            )
        new += [lab.slug] * _hand_out(places, lab.slug)
    if new:
        say(
            f"{places.learner / new[0]} is ready" if len(new) == 1 else f"{len(new)} labs are ready in {places.learner}"
        )


def source_files(lab: Lab, seed: str = "") -> dict[str, bytes]:
    """The instructor's version of a lab: relative path → contents; the notebook made from its text, and ``start/``.

    In a class with a ``seed`` it says so, for whoever gets a copy of it to have their own.
    """
    files = {
        str(path.relative_to(lab.start)): path.read_bytes()
        for path in sorted(lab.start.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    if seed and lab.rules is not None:
        files[CLASS_NOTE] = class_note(seed)
    return {**files, f"{lab.slug}.ipynb": notebook_of(lab)}


def notebook_of(lab: Lab) -> bytes:
    """The lab's notebook as ipynb; the same bytes for the same text.

    Grade cells get the points their check has in the lab, so that the two cannot drift apart.

    Raises:
        ManyHandsError: a check has no grade cell or a grade cell no check.
    """
    import jupytext
    import nbformat

    writes: Any = nbformat.writes  # nbformat carries no types
    notebook = jupytext.read(lab.notebook)
    points = {check.name: float(check.points) for check in lab.checks}
    found: list[str] = []
    for index, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{index}"
        ours = cell.metadata.get("nbgrader")
        if not ours:
            continue
        blank = {"grade": False, "solution": False, "locked": False, "task": False}
        cell.metadata["nbgrader"] = ours = {**blank, **ours, "schema_version": _SCHEMA}
        if ours["grade"] and not ours["solution"]:
            found.append(ours["grade_id"])
            ours["points"] = points.get(ours["grade_id"], ours.get("points", 0.0))
    if sorted(found) != sorted(points):
        raise ManyHandsError(
            f"the notebook's grade cells are {sorted(found)} and the lab's checks {sorted(points)}",
            where=str(lab.notebook),
            remedy="give every check one grade cell whose grade_id is the check's name",
        )
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata = type(notebook.metadata)({"kernelspec": kernel})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    text: str = writes(notebook)
    return (text + "\n").encode()


def _lay_out(places: Places, seed: str | None) -> str:
    """The folders and the settings; the class's seed."""
    if not places.course.is_dir():
        places.course.mkdir(parents=True)
        places.course.chmod(0o700)  # grades, and what others handed in
    places.learner.mkdir(parents=True, exist_ok=True)
    # Before the settings: a class that has those was laid out, and keeps what it has, be it no seed.
    drawn = settle_seed(places, seed, new=not places.config.exists())
    if not places.config.exists():
        write_whole(places.config, CONFIG_TEXT.encode())
    return drawn


def _write_source(places: Places, lab: Lab, seed: str, say: Progress) -> bool:
    """Bring ``class/source/<lab>`` up to date; True when the release has to be made anew."""
    want = _lab_digest(lab, seed)
    note = _note(places, lab.slug)
    source = places.source(lab.slug)
    published = (places.release(lab.slug) / f"{lab.slug}.ipynb").is_file() and places.outbound(lab.slug).is_dir()
    if source.is_dir():
        edited = _folder_digest(source) != note.get("source")
        if edited:
            if note.get("lab") != want:
                say(f"{source} has your changes and stays as it is; the lab itself is newer")
            return not published
        if note.get("lab") == want:
            return not (note.get("done") and published)
    fresh = source.with_name(f".{lab.slug}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    for path, data in source_files(lab, seed).items():
        (fresh / path).parent.mkdir(parents=True, exist_ok=True)
        (fresh / path).write_bytes(data)
    # The note comes first: a source without one is somebody's own.
    _write_note(places, lab.slug, {"lab": want, "source": _folder_digest(fresh), "done": False})
    if source.is_dir():
        shutil.rmtree(source)
    fresh.rename(source)
    return True


def _publish(places: Places, slugs: Sequence[str]) -> None:
    """Generate and release, in a process of its own: nbgrader takes seconds to import."""
    done = subprocess.run(
        [sys.executable, "-m", "autograder.grading.frame", str(places.home), *slugs],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    failed = [answer for answer in answers if answer["why"]]
    if failed or len(answers) < len(slugs):
        why = failed[0]["why"] if failed else (done.stderr.strip().splitlines() or ["it ended early"])[-1]
        raise ManyHandsError(
            "nbgrader could not prepare the lab",
            where=failed[0]["lab"] if failed else ", ".join(slugs[len(answers) :]),
            why=why,
            remedy=f"look into {places.course}; to start a lab over, move its folder out of {places.course / 'source'}",
        )


def _hand_out(places: Places, slug: str) -> bool:
    """The learner's own copy, as fetching would make it, if there is none; whether one was made.

    It appears whole or not at all.
    """
    dest = places.learner / slug
    if dest.exists() or not places.outbound(slug).is_dir():
        return False
    partial = places.learner / f".{slug}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    copy_for(own_name(), places.outbound(slug), partial)
    partial.rename(dest)
    return True


def _note_path(places: Places, slug: str) -> Path:
    return places.course / "prepared" / f"{slug}.json"


def _note(places: Places, slug: str) -> dict[str, Any]:
    try:
        note = json.loads(_note_path(places, slug).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def _write_note(places: Places, slug: str, note: Mapping[str, Any]) -> None:
    write_whole(_note_path(places, slug), json.dumps(note, indent=1).encode())


def _lab_digest(lab: Lab, seed: str) -> str:
    """Of everything the source is made from."""
    checks = json.dumps([[check.name, float(check.points)] for check in lab.checks]).encode()
    start = [(str(path.relative_to(lab.start)), path) for path in sorted(lab.start.rglob("*")) if path.is_file()]
    parts = [(_GENERATOR, checks), (lab.notebook.name, lab.notebook.read_bytes())]
    parts += [(CLASS_NOTE, class_note(seed))] * bool(seed and lab.rules)
    return _digest([*parts, *((name, path.read_bytes()) for name, path in start)])


def _folder_digest(folder: Path) -> str:
    """Of the files an instructor may have edited; what Jupyter leaves beside them is no edit."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and ".ipynb_checkpoints" not in path.parts]
    return _digest((str(path.relative_to(folder)), path.read_bytes()) for path in files)


def _digest(parts: Iterable[tuple[str, bytes]]) -> str:
    total = hashlib.sha256()
    for name, data in parts:
        total.update(f"{len(name)}:{name}:{len(data)}:".encode() + data)
    return total.hexdigest()
