"""Keeping Many Hands itself well."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from cyclopts import Parameter

from autograder.verbs.verb import Json, Rest, say, show, verb


@verb
def bench(
    what: Annotated[Literal["stacks"], Parameter(help="What to measure.")],
    /,
    *,
    docker: Annotated[bool, Parameter(help="Measure Docker, too, if it answers.")] = True,
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Measure Many Hands itself, against a peer in the same run: Docker, wrk.

    `stacks` takes about two minutes. Times depend on the machine; ratios hardly do.

    Examples:
      ./manyhands bench stacks
      ./manyhands bench stacks --no-docker --json
    """
    from autograder.bench import stacks

    assert what == "stacks"
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
) -> int:
    """Check Many Hands itself: ruff, mypy --strict, then pytest in parallel.

    All parts run, also when one fails; the exit code is the worst one. Arguments are pytest's, and with them only
    pytest runs.

    Examples:
      ./manyhands test
      ./manyhands test --only lint
      ./manyhands test tests/launch -k port
      ./manyhands test -- -x --pdb
    """
    from autograder.launch.suite import run

    return run(arguments, only, show)
