"""Keeping Many Hands itself well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from autograder.verbs.verb import Json, Rest, say, show, verb

_QUICK = "Of grading and the classroom, small classes only; of the site, a few pages only in the browser."
_RUNS = "Of fairness, how many gradings of right work, and as many of wrong work; 1,000 unless you say so."
_LEARNERS = "Of the classroom, how many people come at once; 50 unless you say so."
_CHANGES = "Of the guard, how many {}."
_SEED = "Of the guard, what fixes its chances."
_JOBS = "Of the guard, how many changes are played at a time; as many as fit unless you say so."
_KILL = "Of the guard, kill it in each change, with a real SIGKILL at a random moment."
_RECORD = "Of the guard, a file of what was played: name it again to go on where a campaign ended."
_ONLY = "Of the catalogue, this mistake only; may be given several times."


@verb
def bench(
    what: Annotated[
        Literal["stacks", "inspect", "room", "classroom", "catalogue", "grading", "fairness", "site", "guard"] | None,
        Parameter(show_default=False, help="What to measure; all of it unless you say so."),
    ] = None,
    /,
    *,
    docker: Annotated[bool, Parameter(help="Measure Docker, too, if it answers.")] = True,
    only: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=_ONLY)] = (),
    quick: Annotated[bool, Parameter(negative="", show_default=False, help=_QUICK)] = False,
    runs: Annotated[int, Parameter(show_default=False, help=_RUNS)] = 0,
    learners: Annotated[int, Parameter(show_default=False, help=_LEARNERS)] = 0,
    incidents: Annotated[int, Parameter(help=_CHANGES.format("incidents"))] = 500,
    benign: Annotated[int, Parameter(help=_CHANGES.format("benign changes"))] = 500,
    seed: Annotated[int, Parameter(help=_SEED)] = 1,
    jobs: Annotated[int, Parameter(show_default=False, help=_JOBS)] = 0,
    kill: Annotated[bool, Parameter(negative="", show_default=False, help=_KILL)] = False,
    record: Annotated[Path | None, Parameter(show_default=False, help=_RECORD)] = None,
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Measure Many Hands itself, against a peer in the same run: Docker, wrk, other people's linters.

    Without a name, everything is measured, one after another, which takes a night; with `--quick` an hour. It is told
    as one table: ours, the peer, the ratio, the method. The table is kept in `bench/` of your folder, and the next one
    shows beside each ratio what it was.

    `stacks` takes about two minutes, `inspect` and `room` (a lab that is open) one. `catalogue` takes some minutes:
    it runs every example of the catalogue on the real balancers, and lets gixy-ng and gixy-next read the same
    configs (both are installed, once, in environments of their own). `grading` takes most of an hour: it grades 40
    submissions with stock nbgrader running the same checks in notebooks, and classes of 40, 200 and 1,000 with
    ours. `fairness` takes hours: it grades right and wrong work while all processors are kept busy; exit code 1
    when a single verdict was not deserved. `site` takes some minutes: it holds every page of the course against its
    quality bar, with a real Chromium; exit code 1 when a page falls short. `guard` takes half an hour: it plays
    incidents and benign changes to the guard, with real balancers and 200 requests a second, and kills it in one of
    five; exit code 1 when one was missed, one was taken back that was fine, or a request was lost. `classroom` takes
    about half a minute for each learner: it opens a classroom of its own, lets everybody sign in, open a lab and check
    in the same second, turns one away, and restarts the hub; exit code 1 when somebody did not get through or lost
    work. Times depend on the machine; ratios hardly do.

    Examples:
      ./manyhands bench --quick
      ./manyhands bench stacks
      ./manyhands bench stacks --no-docker --json
      ./manyhands bench inspect
      ./manyhands bench room --json
      ./manyhands bench classroom --learners 10
      ./manyhands bench catalogue
      ./manyhands bench catalogue --only weight-skew --json
      ./manyhands bench grading --quick
      ./manyhands bench fairness --runs 50 --json
      ./manyhands bench site --json
      ./manyhands bench guard --incidents 3 --benign 3
      ./manyhands bench guard --record campaign.jsonl --json
      ./manyhands bench guard --kill --incidents 30 --benign 30
    """
    from autograder.launch.places import only_in_a_clone

    only_in_a_clone("bench")
    if what is None:
        from autograder.bench import everything

        return everything.run(say, show, quick=quick, as_json=json_)
    if what == "guard":
        from autograder.bench import guarding

        played = guarding.measure(incidents, benign, say, seed=seed, jobs=jobs, record=record, kill=kill)
        show(json.dumps(played.to_dict(), indent=2) if json_ else played.report())
        return played.exit_code
    if what == "catalogue":
        from autograder.bench import catalogue

        table = catalogue.measure(say, only)
        show(json.dumps(table.to_dict(), indent=2) if json_ else catalogue.report(table))
        return 0
    if what == "inspect":
        from autograder.bench import inspecting

        speed = inspecting.measure(say)
        show(json.dumps(speed, indent=2) if json_ else inspecting.report(speed))
        return 0
    if what == "room":
        from autograder.bench import room

        seen = room.measure(say)
        show(json.dumps(seen, indent=2) if json_ else room.report(seen))
        return 0
    if what == "classroom":
        from autograder.bench import classroom

        lesson = classroom.measure(learners or (classroom.QUICK if quick else classroom.LEARNERS), say)
        show(json.dumps(lesson.to_dict(), indent=2) if json_ else classroom.report(lesson))
        return lesson.exit_code
    if what == "grading":
        from autograder.bench import grading

        pace = grading.measure(say, grading.QUICK if quick else grading.SIZES)
        show(json.dumps(pace, indent=2) if json_ else grading.report(pace))
        return 0
    if what == "fairness":
        from autograder.bench import fairness

        fair = fairness.measure(runs or fairness.RUNS, say)
        show(json.dumps(fair.to_dict(), indent=2) if json_ else fair.report())
        return fair.exit_code
    if what == "site":
        from autograder.bench.site import table as bar

        rows = bar.measure(say, quick=quick)
        show(json.dumps([row.to_dict() for row in rows], indent=2) if json_ else bar.report(rows))
        return 0 if all(row.good for row in rows) else 1
    from autograder.bench import stacks

    found = stacks.measure(docker, say)
    show(json.dumps(found, indent=2) if json_ else stacks.report(found))
    return 0


@verb
def doctor(*, json_: Annotated[Json, Parameter(name="--json")] = False) -> int:
    """Tell what works on this machine, and how to mend what does not.

    Everything is tried, not looked up: a sandbox is started, nginx and HAProxy are run, Docker is asked. Exit code 0
    when labs can run here, 2 when they cannot.

    Examples:
      ./manyhands doctor
      ./manyhands doctor --json
    """
    from autograder.launch import doctor as examine

    findings = examine.examine()
    if json_:
        show(json.dumps(examine.as_data(findings), indent=2))
    else:
        for line in examine.as_lines(findings):
            show(line)
    return examine.exit_code(findings)


@verb
def test(
    *arguments: Rest,
    only: Annotated[Literal["lint", "types", "unit"] | None, Parameter(help="Run this part only.")] = None,
    unit: Annotated[bool, Parameter(negative="", help="Run only the tests that start no program.")] = False,
    coverage: Annotated[
        bool, Parameter(negative="", help="Run pytest, and tell which lines and branches ran.")
    ] = False,
) -> int:
    """Check Many Hands itself: ruff, vulture, deptry, mypy --strict, then pytest in parallel.

    All parts run, also when one fails; the exit code is the worst one. Arguments are pytest's, and with them only
    pytest runs.

    Tests come in another order whenever one of them changes. The first lines name the seed of the order;
    `-- --randomly-seed=N` asks for that of another, `-- --randomly-dont-reorganize` for the order in which they are
    written.

    With `--unit`, only those tests run that start no balancer, browser, container or other program, in another order
    each time.
    With `--coverage`, what is measured is kept in `build/coverage/`; a page to look through is in its folder `html`.

    Examples:
      ./manyhands test
      ./manyhands test --only lint
      ./manyhands test tests/launch -k port
      ./manyhands test -- -x --pdb
      ./manyhands test --unit
      ./manyhands test --coverage tests/judge
    """
    from autograder.launch.suite import run

    return run(arguments, only, show, unit=unit, coverage=coverage)
