"""What an instructor does with a class."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import Parameter

from autograder.errors import ManyHandsError
from autograder.verbs.verb import Engine, Json, Rest, app, show, verb

_STUDENT = "Grade this student only; may be given several times."


@verb
def grade(
    *lab: Annotated[str, Parameter(help="Labs to grade; all of them when none is named.")],
    student: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=_STUDENT)] = (),
    jobs: Annotated[int, Parameter(help="Processes that judge; 0 is one for each processor.")] = 0,
    engine: Engine = "local",
    force: Annotated[
        bool, Parameter(negative="", show_default=False, help="Judge again what has been judged already.")
    ] = False,
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Grade what learners submitted, in your class folder (work/class).

    New submissions are collected first. Nothing is judged twice, and a run that was killed goes on where it was. Exit
    code 1 when a submission could not be given a grade through our fault; such a one is never given a zero.

    Examples:
      ./manyhands grade
      ./manyhands grade spread-the-load --student alice --student bob
      ./manyhands grade spread-the-load --force --json
    """
    from autograder.grading.batch import grade as grade_all
    from autograder.labs.catalogue import all_labs
    from autograder.launch import jupyter
    from autograder.launch.places import home

    if jobs < 0:
        raise ManyHandsError(f"--jobs {jobs} makes no sense", remedy="0 is one for each processor")
    here = home()
    jupyter.prepare(here)
    slugs = lab or tuple(found.slug for found in all_labs())
    report = grade_all(here, slugs, students=student, jobs=jobs, engine=engine, force=force)
    show(json.dumps(report.to_dict(), indent=2) if json_ else report.table())
    return report.exit_code


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
