"""What an instructor does with a class, and an author with a lab."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from autograder.errors import ManyHandsError
from autograder.verbs.verb import Engine, Json, Rest, app, say, show, verb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from autograder.grading.regrade import Change

_STUDENT = "Grade this student only; may be given several times."
_CLUSTER = "Address of a Dask scheduler (tcp://HOST:PORT or tls://HOST:PORT) whose workers judge."
_YES = "Write grades that change because a check did, without asking."
_HISTORY = "Show all that was ever judged of the named students' work; judge nothing."
_DB = "The gradebook's database, e.g. postgresql://USER@HOST/NAME (or MANYHANDS_DB); SQLite in the class by default."


@verb
def grade(
    *lab: Annotated[str, Parameter(help="Labs to grade; all of them when none is named.")],
    student: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=_STUDENT)] = (),
    jobs: Annotated[int, Parameter(help="Processes that judge; 0 is three for each processor.")] = 0,
    cluster: Annotated[str, Parameter(show_default=False, help=_CLUSTER)] = "",
    engine: Engine = "local",
    force: Annotated[
        bool, Parameter(negative="", show_default=False, help="Judge again what has been judged already.")
    ] = False,
    yes: Annotated[bool, Parameter(negative="", show_default=False, help=_YES)] = False,
    history: Annotated[bool, Parameter(negative="", show_default=False, help=_HISTORY)] = False,
    db: Annotated[str, Parameter(show_default=False, help=_DB)] = "",
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Grade what learners submitted, in your class folder (work/class).

    New submissions are collected first. Nothing is judged twice, and a run that was killed goes on where it was. Exit
    code 1 when a submission could not be given a grade through our fault; such a one is never given a zero.

    When a check of a lab changed since it was judged, only that check is judged again. You see whose grade would
    change, and nothing of it is written until you agree (or give --yes). The earlier verdicts are kept: see --history.

    Examples:
      ./manyhands grade
      ./manyhands grade spread-the-load --student alice --student bob
      ./manyhands grade spread-the-load --force --json
      ./manyhands grade --cluster tcp://127.0.0.1:8786
      ./manyhands grade spread-the-load --student alice --history
    """
    from autograder.grading.batch import grade as grade_all
    from autograder.labs.catalogue import all_labs
    from autograder.launch import jupyter
    from autograder.launch.places import home

    if jobs < 0:
        raise ManyHandsError(f"--jobs {jobs} makes no sense", remedy="0 is three for each processor")
    if jobs and cluster:
        raise ManyHandsError("--jobs is for this machine, and --cluster judges elsewhere", remedy="leave one out")
    here = home()
    slugs = lab or tuple(found.slug for found in all_labs())
    if history:
        return _history(here, slugs, student, json_)
    jupyter.prepare(here)
    if db:
        os.environ["MANYHANDS_DB"] = db
    report = grade_all(
        here,
        slugs,
        students=student,
        jobs=jobs,
        cluster=cluster,
        engine=engine,
        force=force,
        confirm=(lambda _: True) if yes else _agree if sys.stdin.isatty() and sys.stderr.isatty() else None,
        say=say,
    )
    show(json.dumps(report.to_dict(), indent=2) if json_ else report.table())
    return report.exit_code


def _agree(changes: Sequence[Change]) -> bool:
    """Show the changes on the terminal and ask."""
    from autograder.grading.regrade import table

    say(f"\r\x1b[K{table(changes)}")
    sys.stderr.write("Write these grades? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _history(here: Path, slugs: Sequence[str], students: Sequence[str], as_json: bool) -> int:
    from autograder.grading import history
    from autograder.grading.settings import Places
    from autograder.labs.catalogue import load_lab

    if not students:
        raise ManyHandsError("whose history?", remedy="./manyhands grade LAB --student NAME --history")
    for slug in slugs:
        load_lab(slug)
    rows = history.history(Places(here), slugs, students)
    show(json.dumps({"records": rows}, indent=2) if as_json else history.as_text(rows))
    return 0 if rows else 1


@verb
def nbgrader(*arguments: Rest) -> int:
    """Run one of nbgrader's own commands in your class folder (work/class).

    Everything after the verb is nbgrader's. Its exit code is passed on.

    Examples:
      ./manyhands nbgrader list
      ./manyhands nbgrader generate_feedback --assignment spread-the-load
      ./manyhands nbgrader autograde --help
    """
    from autograder.launch.nbgrader import run

    if not arguments or arguments[0] in ("--help", "-h"):
        app.help_print(["nbgrader"])
        return 0
    return run(arguments)


@verb
def new_lab(
    name: Annotated[str, Parameter(help="Its name: lower-case words with hyphens. It becomes a folder of labs/.")],
    /,
    *,
    proxy: Annotated[Literal["nginx", "haproxy"], Parameter(help="The balancer that learners work on.")] = "nginx",
) -> int:
    """Write a new lab to begin with: whole, small, and proved by ./manyhands verify as it is.

    It has one mistake to mend, three checks, three right answers and five wrong ones. Change what you like, and verify
    again. Exit code 2, and nothing written, for a name that is taken.

    Examples:
      ./manyhands new-lab two-offices
      ./manyhands new-lab slow-checkout --proxy haproxy
    """
    from autograder.labs.scaffold import new_lab as write
    from autograder.launch.places import ROOT, only_in_a_clone

    only_in_a_clone("new-lab")
    place = write(name, proxy)
    shown = place.relative_to(ROOT) if place.is_relative_to(ROOT) else place
    show(
        f"{shown}/ is there. Next:\n"
        f"  1. ./manyhands verify {name}    it holds as it is\n"
        f"  2. change start/, reference/ and wrong/ to your own mistake, lab.toml to your own checks\n"
        f"  3. ./manyhands verify {name} --variants 5    what does not hold is named\n"
        f"  4. tell the story in {name}.py; the guide for authors is on the site, under Authors"
    )
    return 0
