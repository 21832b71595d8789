"""The command line: parses, calls, prints. What a verb does is written elsewhere and imported when it is used."""

from __future__ import annotations

import json
import os
import sys
from inspect import getdoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from autograder import __version__
from autograder.errors import ManyHandsError
from autograder.launch.overview import VERBS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

app = App(name="./manyhands", version=__version__, help_format="plaintext", help_formatter="plain")

Json = Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON object instead.")]
Engine = Annotated[Literal["local", "docker"], Parameter(help="Where stacks run: here in namespaces, or in Docker.")]
Nginx = Annotated[Path | None, Parameter(show_default=False, help="Your own nginx program, instead of ours.")]
HAProxy = Annotated[Path | None, Parameter(show_default=False, help="Your own HAProxy program, instead of ours.")]
_CLIENTS = "Who sends: a population, or all; may be given several times (many)."
_STATES = "What has just happened: a state, or all; may be given several times (all-up)."
_CAPACITY = "What a server can do against the others, as SERVER=NUMBER; may be given several times."
_STUDENT = "Grade this student only; may be given several times."
Rest = Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]


def main(words: Sequence[str]) -> int:
    """Run one command line; the exit code. Every :class:`ManyHandsError` is printed here and nowhere else."""
    try:
        if not words or words[0] == "help":
            words = [*words[1:], "--help"]
        result = app(list(words), exit_on_error=False, print_error=False, result_action="return_value")
        return result if isinstance(result, int) else 0
    except ManyHandsError as error:
        print(f"manyhands: {error}", file=sys.stderr)
        return error.exit_code
    except CycloptsError as error:
        print(f"manyhands: {_plainly(error)}\n  next  ./manyhands --help", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `./manyhands labs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def verb(function: Callable[..., int]) -> Callable[..., int]:
    """Make a function a verb: its docstring is its help. The overview must have a line for it."""
    assert function.__name__ in VERBS
    text, _, examples = (getdoc(function) or "").partition("Examples:\n")
    paragraphs = "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in text.strip().split("\n\n"))
    app.command(
        function,
        name=function.__name__,
        help=paragraphs,
        help_epilogue=f"Examples:\n{examples}",
        # what follows `nbgrader` is nbgrader's, --help and --version too
        **({"help_flags": [], "version_flags": []} if function.__name__ == "nbgrader" else {}),
    )
    return function


def _plainly(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        return f"too many words: {' '.join(error.unused_tokens or ())}"
    return str(error)


def _programs(nginx: Path | None, haproxy: Path | None) -> dict[str, Path]:
    return {name: path.absolute() for name, path in (("nginx", nginx), ("haproxy", haproxy)) if path is not None}


def say(line: str) -> None:
    """Tell how it goes: on stderr, so that a pipe gets the result only."""
    print(line, file=sys.stderr, flush=True)


def show(line: str) -> None:
    """Print what was asked for."""
    print(line, flush=True)


@verb
def up(
    *,
    browser: Annotated[bool, Parameter(help="Open the list of labs in the browser once all answers.")] = True,
    port_site: Annotated[int | None, Parameter(help="Port of the course site (8000, or the next free one).")] = None,
    port_lab: Annotated[int | None, Parameter(help="Port of JupyterLab (8888, or the next free one).")] = None,
) -> int:
    """Start the course site and JupyterLab with the labs, on this machine only.

    Stays in the foreground. Ctrl-C, or ./manyhands down in another terminal, ends everything it started. Your files
    are in work/ (or $MANYHANDS_HOME) and are never overwritten.

    Examples:
      ./manyhands up
      ./manyhands up --no-browser --port-lab 9999
    """
    from autograder.launch.up import Wishes
    from autograder.launch.up import up as start

    return start(Wishes(port_site, port_lab, browser), say, show)


@verb
def down() -> int:
    """End what ./manyhands up started, from another terminal.

    Waits until every process is gone. When nothing runs it says so, and that is fine.

    Examples:
      ./manyhands down
    """
    from autograder.launch.down import down as end

    return end(show)


@verb
def labs(*, json_: Annotated[Json, Parameter(name="--json")] = False) -> int:
    """List the labs.

    Examples:
      ./manyhands labs
      ./manyhands labs --json
    """
    from autograder.labs.catalogue import all_labs

    found = all_labs()
    if json_:
        rows = [
            {
                "slug": lab.slug,
                "title": lab.title,
                "minutes": lab.minutes,
                "checks": [check.name for check in lab.checks],
            }
            for lab in found
        ]
        show(json.dumps({"labs": rows}, indent=2))
        return 0
    wide = max((len(lab.slug) for lab in found), default=0)
    for lab in found:
        show(f"{lab.slug:<{wide}}  {lab.minutes:>3} min  {len(lab.checks)} checks  {lab.title}")
    return 0


@verb
def run(
    stack: Annotated[str, Parameter(help="A stack file, a folder with a stack.toml, or the name of a lab.")],
    /,
    *,
    config: Annotated[Path | None, Parameter(help="Folder to take the balancers' config folders from.")] = None,
    engine: Engine = "local",
    clients: Annotated[str, Parameter(show_default=False, help="Another population than the stack file says.")] = "",
    rate: Annotated[float, Parameter(show_default=False, help="Requests a second in all.")] = 0.0,
    seconds: Annotated[float, Parameter(help="Stop after so long; 0 is until you press q.")] = 0.0,
    nginx: Nginx = None,
    haproxy: HAProxy = None,
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Start a stack, send it traffic, and see what becomes of it while you break and mend it.

    A table shows each server's share, rate, errors and latencies. Keys kill servers, slow them down, cut them off and
    bring them back. A config that you save is checked and applied at once, and the line at fault is shown if it is
    refused. A lab runs with your own files, or with those it starts from. Everything is gone when you press q.

    Examples:
      ./manyhands run spread-the-load
      ./manyhands run labs/spread-the-load/stack.toml --config labs/spread-the-load/reference --clients office
      ./manyhands run spread-the-load --rate 200 --seconds 10 --json
      ./manyhands run my-stack/ --nginx /usr/sbin/nginx
    """
    from autograder.launch.play import Wishes, find, play

    if rate < 0 or seconds < 0:
        raise ManyHandsError("--rate and --seconds are not negative", remedy="./manyhands run --help has examples")
    if json_ and not seconds:
        raise ManyHandsError("--json needs an end", remedy="add --seconds, for example --seconds 10")
    look = play(find(stack, config), Wishes(engine, seconds, clients, rate, _programs(nginx, haproxy)), say)
    if json_:
        show(json.dumps(look.to_dict(), indent=2))
    return 0


@verb
def verify(
    *lab: Annotated[str, Parameter(help="Labs to verify; all of them when none is named.")],
    engine: Engine = "local",
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Let a lab prove itself: its start fails, its reference passes, each wrong mend is told apart.

    Every folder of the lab's files is put into a fresh stack, and real traffic is sent. Exit code 1 when a folder gets
    something else than the lab says it must.

    Examples:
      ./manyhands verify
      ./manyhands verify spread-the-load --engine docker
      ./manyhands verify --json
    """
    from autograder.labs.catalogue import all_labs, load_lab
    from autograder.labs.verify import verify as prove

    chosen = tuple(load_lab(slug) for slug in lab) or all_labs()
    report = prove(chosen, engine, say if sys.stderr.isatty() else None)
    show(json.dumps(report.to_dict(), indent=2) if json_ else report.table())
    return report.exit_code


@verb
def inspect(
    *config: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="Configs: files, folders, or - for standard input.")
    ],
    proxy: Annotated[
        Literal["nginx", "haproxy"] | None, Parameter(show_default=False, help="Which balancer reads it, if unclear.")
    ] = None,
    clients: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=_CLIENTS)] = (),
    state: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=_STATES)] = (),
    capacity: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=_CAPACITY)] = (),
    engine: Engine = "local",
    nginx: Nginx = None,
    haproxy: HAProxy = None,
    static_only: Annotated[bool, Parameter(negative="", show_default=False, help="Read it; run no traffic.")] = False,
    help_mistake: Annotated[str, Parameter(show_default=False, help="Tell about a mistake of the catalogue.")] = "",
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Run a production config, unedited, in a sandbox; send traffic; tell which server gets how much of it, and why.

    Stand-ins answer at every address the config names, so nothing is edited and nothing leaves this machine. Servers
    are taken for equal unless --capacity says otherwise. A line "# manyhands: intended REASON" in the config, above
    the line that it is about, says that a concentration is meant. Exit code 0 when every server gets its share, 1 when
    the traffic is concentrated, 2 when the config is broken or could not be judged. With --static-only nothing is
    observed: 1 says that a known mistake was read.

    Examples:
      ./manyhands inspect nginx.conf
      ./manyhands inspect haproxy.cfg --clients office --clients many --state one-down
      ./manyhands inspect nginx.conf --capacity 10.20.1.11=2 --json
      ./manyhands inspect configs/ --clients all --state all
      ./manyhands inspect --help-mistake weight-skew
    """
    if help_mistake:
        from autograder.inspect.text import mistake_page

        show(mistake_page(help_mistake))
        return 0
    from autograder.inspect import command
    from autograder.inspect.inspection import Wishes
    from autograder.stack.model import POPULATIONS
    from autograder.traffic.states import STATES

    wishes = Wishes(
        command.chosen(clients, POPULATIONS, "many", "population"),
        command.chosen(state, STATES, "all-up", "state"),
        engine,
        command.capacities(capacity),
        _programs(nginx, haproxy),
        static_only,
    )
    return command.run(config, proxy or "", wishes, show, as_json=json_)


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
