"""What an instructor reads about a class."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from autograder.errors import ManyHandsError
from autograder.verbs.verb import Json, say, show, verb

_SITE = "http://127.0.0.1:8000/"


@verb
def report(
    lab: Annotated[str, Parameter(help="The lab.")],
    /,
    *,
    format_: Annotated[Literal["html", "csv", "json"], Parameter(name="--format", help="A page, or data.")] = "html",
    export: Annotated[
        Literal["canvas", "moodle", "csv"] | None, Parameter(help="Grades for another gradebook instead.")
    ] = None,
    output: Annotated[
        Path | None,
        Parameter(allow_leading_hyphen=True, show_default=False, help="File to write; - is standard output."),
    ] = None,
    roster: Annotated[
        Path | None, Parameter(show_default=False, help="CSV with the columns id, name, email, … of your students.")
    ] = None,
    column: Annotated[
        str, Parameter(show_default=False, help="Name of the assignment in Canvas or Moodle; else the lab's title.")
    ] = "",
    scores: Annotated[Literal["gradebook", "records"], Parameter(help="Where exports take scores from.")] = "gradebook",
    site: Annotated[str, Parameter(help="Address of the course, for links to its field guide.")] = _SITE,
    names: Annotated[
        bool, Parameter(show_default=False, help="Leave names out of the page, to show it to all.")
    ] = True,
    changes: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="Instead: who changed which grade, when, from what to what."),
    ] = False,
    student: Annotated[str, Parameter(show_default=False, help="For --changes: of one student only.")] = "",
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Tell how a class did: points, where people get stuck, mistakes that remain, how good the checks are, copies.

    The page is one file, work/class/reports/LAB.html: it needs no network and no script, and prints. Names are folded
    away in it. With --format csv or json, and with --export, the result goes to standard output unless you give
    --output. Likely copies are hints, never proof.

    Exports take final scores from the gradebook, with late penalties and points given by hand. Who has no grade yet is
    left out: an empty cell would take away a grade that is there. For an assignment that exists in Canvas, give its
    heading with the number, as Canvas exports it. A gradebook exported from Canvas is a roster as it is.

    Every change of a grade is logged, whoever made it. --changes shows the log of the lab, looks first for changes that
    nobody told us of, and says whether the log itself was tampered with: then the exit code is 1.

    Examples:
      ./manyhands report spread-the-load
      ./manyhands report spread-the-load --changes --student ada
      ./manyhands report spread-the-load --no-names --output to-show.html
      ./manyhands report spread-the-load --format csv --output class.csv
      ./manyhands report spread-the-load --export canvas --roster students.csv --column "Spread the load (4711)"
      ./manyhands report spread-the-load --export moodle --roster students.csv --output moodle.csv
    """
    from autograder.grading.classreport.command import Wishes
    from autograder.grading.classreport.command import report as make
    from autograder.launch.places import home

    if changes:
        return _changes(home(), lab, student, as_json=json_ or format_ == "json")
    if not site.startswith(("http://", "https://", "file://")):
        raise ManyHandsError(f"--site {site} is no address", remedy="give one such as https://course.example/")
    if output is not None and output.name.startswith("--"):
        raise ManyHandsError("--output needs a file", remedy="for example --output class.html; - is standard output")
    kind = "json" if json_ else format_
    wishes = Wishes(kind, output, export, roster, column, scores, site, names)
    made = make(home(), lab, wishes)
    for note in made.notes:
        say(note)
    if made.path is not None:
        show(str(made.path))
    else:
        sys.stdout.write(made.text)
        sys.stdout.flush()
    return 0


def _changes(home_folder: Path, lab: str, student: str, *, as_json: bool) -> int:
    from autograder.grading import grade_log
    from autograder.grading.settings import Places
    from autograder.labs.catalogue import load_lab

    places, slug = Places(home_folder.absolute()), load_lab(lab).slug
    if not places.course.is_dir():
        raise ManyHandsError("there is no class here", where=str(places.course), remedy="./manyhands up")
    log = grade_log.GradeLog(grade_log.folder(places))
    # Before anything is written: what is written next would hide from the log's head that lines were cut off.
    wrong = log.verify()
    if not wrong:
        grade_log.look(places)
    found = () if wrong else grade_log.events(places, slug, student)
    last = next((event.digest for event in reversed(log.events())), "") if not wrong else ""
    if as_json:
        told = {"changes": [event.to_dict() for event in found], "wrong": [*wrong], "last": last}
        show(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        show(grade_log.as_text(found, wrong, last))
    return 1 if wrong else 0
