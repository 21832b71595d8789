"""``./manyhands report``: read the class, summarise it, and write what was asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autograder.errors import ManyHandsError
from autograder.grading.classreport import plain
from autograder.grading.classreport.page import page
from autograder.grading.classreport.reading import read_class
from autograder.grading.classreport.summary import Summary, summarise
from autograder.grading.classreport.undoing import undo_for
from autograder.grading.export import Platform, export
from autograder.grading.export_roster import read_roster
from autograder.grading.export_scores import Score, gradebook_scores
from autograder.grading.record import write_whole
from autograder.grading.settings import Places
from autograder.labs.catalogue import load_lab

Format = Literal["html", "csv", "json"]
Source = Literal["gradebook", "records"]


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for. An empty ``item`` is the lab's title; ``output`` ``-`` is standard output."""

    format: Format = "html"
    output: Path | None = None
    platform: Platform | None = None
    roster: Path | None = None
    item: str = ""
    source: Source = "gradebook"
    site: str = ""
    names: bool = True


@dataclass(frozen=True)
class Made:
    """What was made: ``text`` for standard output (empty when it went to ``path``), and what to tell beside it."""

    text: str
    path: Path | None
    notes: tuple[str, ...]


def report(home: Path, slug: str, wishes: Wishes) -> Made:
    """The report on the lab ``slug`` of the class under ``home``.

    Raises:
        ManyHandsError: no class, no such lab, nobody handed in, a file that cannot be read or written.
    """
    places = Places(home.absolute())
    lab = load_lab(slug)
    work = read_class(home, slug, undo_for(places, lab))
    found = summarise(work, _titles())
    if wishes.platform is not None:
        text, notes = _exported(home, found, wishes, wishes.platform)
        return _put(text, wishes.output, notes)
    damaged = (f"{len(found.damaged)} records could not be read and were left out",) if found.damaged else ()
    if wishes.format == "csv":
        return _put(plain.as_csv(found), wishes.output, damaged)
    if wishes.format == "json":
        return _put(json.dumps(found.to_dict(), indent=2, ensure_ascii=False) + "\n", wishes.output, damaged)
    text = page(found, site=wishes.site, names=wishes.names)
    output = wishes.output or places.course / "reports" / f"{slug}.html"
    return _put(text, output, (plain.as_text(found),))


def _exported(home: Path, found: Summary, wishes: Wishes, platform: Platform) -> tuple[str, tuple[str, ...]]:
    scores = gradebook_scores(home, found.lab) if wishes.source == "gradebook" else None
    source = "scores are the gradebook's: with points given by hand and late penalties"
    if scores is None:
        scores = tuple(
            Score(row.student, row.points, found.max_points) for row in found.students if row.points is not None
        )
        source = "scores are the verdict records': no points given by hand, no late penalties"
    roster = read_roster(wishes.roster) if wishes.roster else None
    having = {score.student for score in scores}
    made = export(
        platform,
        scores,
        lab=found.lab,
        item=wishes.item or found.title,
        roster=roster,
        feedback=plain.feedback(found),
        missing=sum(row.student not in having for row in found.students),
        earlier=[row.student for row in found.students if row.points is None and row.student in having],
    )
    return made.text, (source, *made.notes)


def _titles() -> dict[str, str]:
    from autograder.mistakes.catalogue import mistakes

    return {mistake.slug: mistake.title for mistake in mistakes()}


def _put(text: str, output: Path | None, notes: tuple[str, ...]) -> Made:
    if output is None or str(output) == "-":
        return Made(text, None, notes)
    try:
        write_whole(output.absolute(), text.encode())
    except OSError as error:
        raise ManyHandsError(
            "cannot write the report",
            where=str(output),
            why=error.strerror or "",
            remedy="choose another --output",
        ) from error
    return Made("", output, notes)
