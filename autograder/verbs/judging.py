"""Judging a config or a lab by traffic."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from autograder.verbs.verb import Engine, HAProxy, Json, Nginx, programs, say, show, verb

if TYPE_CHECKING:
    from autograder.inspect.inspection import Wishes

_CLIENTS = "Who sends: a population, or all; may be given several times"
_STATES = "What has just happened: a state, or all; may be given several times"
_CAPACITY = "What a server can do against the others, as SERVER=NUMBER; may be given several times."


@verb
def verify(
    *lab: Annotated[str, Parameter(help="Labs to verify; all of them when none is named.")],
    variants: Annotated[int, Parameter(help="Prove it on so many students' variants too, drawn at random.")] = 0,
    seed: Annotated[str, Parameter(show_default=False, help="What the variants are drawn from (a new one).")] = "",
    runs: Annotated[int, Parameter(help="Examine every folder so often, to find what is not always the same.")] = 1,
    jobs: Annotated[int, Parameter(help="Processes that examine; 0 is one for each processor.")] = 0,
    folder: Annotated[
        tuple[str, ...],
        Parameter(negative="", show_default=False, help="Only this folder; may be given again."),
    ] = (),
    record: Annotated[
        Path | None,
        Parameter(show_default=False, help="A file of what was proved: name it again to go on where it ended."),
    ] = None,
    engine: Engine = "local",
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Let a lab prove itself: its start fails, its reference passes, each wrong mend is told apart.

    Every folder of the lab's files is put into a fresh stack, and real traffic is sent. Exit code 1 when a folder gets
    something else than the lab says it must.

    Examples:
      ./manyhands verify
      ./manyhands verify spread-the-load --engine docker
      ./manyhands verify spread-the-load --folder start --folder reference
      ./manyhands verify spread-the-load --variants 10 --seed monday
      ./manyhands verify --runs 20 --json
      ./manyhands verify --variants 10 --runs 20 --record proofs.jsonl
    """
    from autograder.errors import ManyHandsError
    from autograder.labs.catalogue import all_labs, load_lab
    from autograder.labs.verify import verify as prove

    if variants < 0 or runs < 1 or jobs < 0:
        raise ManyHandsError(
            "--variants and --jobs are not negative, and --runs is at least 1",
            remedy="./manyhands verify --help has examples",
        )
    chosen = tuple(load_lab(slug) for slug in lab) or all_labs()
    tell = say if sys.stderr.isatty() else None
    report = prove(
        chosen, engine, tell, variants=variants, seed=seed, runs=runs, jobs=jobs, folders=folder, record=record
    )
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
    clients: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=f"{_CLIENTS} (many).")] = (),
    state: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=f"{_STATES} (all-up).")] = (),
    capacity: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=_CAPACITY)] = (),
    engine: Engine = "local",
    nginx: Nginx = None,
    haproxy: HAProxy = None,
    static_only: Annotated[bool, Parameter(negative="", show_default=False, help="Read it; run no traffic.")] = False,
    help_mistake: Annotated[str, Parameter(show_default=False, help="Tell about a mistake of the catalogue.")] = "",
    format_: Annotated[
        Literal["text", "json", "sarif", "github", "junit"],
        Parameter(name="--format", show_default=False, help="For people (text), or for a tool; --json is one of them."),
    ] = "text",
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Run a production config, unedited, in a sandbox; send traffic; tell which server gets how much of it, and why.

    Stand-ins answer at every address the config names, so nothing is edited and nothing leaves this machine. Servers
    are taken for equal unless --capacity says otherwise. A line "# manyhands: intended REASON" in the config, above
    the line that it is about, says that a concentration is meant. Exit code 0 when every server gets its share, 1 when
    the traffic is concentrated, 2 when the config is broken or could not be judged; of several configs, the worst one.
    With --static-only nothing is observed: 1 says that a known mistake was read.

    Examples:
      ./manyhands inspect nginx.conf
      ./manyhands inspect haproxy.cfg --clients office --clients many --state one-down
      ./manyhands inspect nginx.conf --capacity 10.20.1.11=2 --json
      ./manyhands inspect configs/ --clients all --state all
      ./manyhands inspect configs/ --format sarif > inspect.sarif
      ./manyhands inspect --help-mistake weight-skew
    """
    if help_mistake and (json_ or format_ == "json"):
        from autograder.inspect.mistake_data import mistake_data

        show(json.dumps(mistake_data(help_mistake), indent=2, ensure_ascii=False))
        return 0
    if help_mistake:
        from autograder.inspect.text import mistake_page

        show(mistake_page(help_mistake))
        return 0
    from autograder.inspect import command

    clients, state = clients or ("many",), state or ("all-up",)
    wishes = replace(_wishes(clients, state, capacity, engine, nginx, haproxy), static=static_only)
    return command.run(config, proxy or "", wishes, show, "json" if json_ else format_)


@verb
def review(
    base: Annotated[str, Parameter(help="What is there now: a git revision, a folder, or a config file.")],
    head: Annotated[str, Parameter(help="What shall be there; . is the folder as it lies here.")] = ".",
    config: Annotated[
        tuple[str, ...],
        Parameter(negative="", show_default=False, help="Main configs, if they are called by another name."),
    ] = (),
    policy: Annotated[
        Path | None, Parameter(show_default=False, help="Your rules, instead of ours: see the documentation.")
    ] = None,
    approvals: Annotated[int, Parameter(help="How many people have approved of the change.")] = 1,
    clients: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=f"{_CLIENTS} (all).")] = (),
    state: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=f"{_STATES} (all).")] = (),
    capacity: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=_CAPACITY)] = (),
    engine: Engine = "local",
    nginx: Nginx = None,
    haproxy: HAProxy = None,
    format_: Annotated[
        Literal["text", "json", "markdown", "sarif"],
        Parameter(name="--format", show_default=False, help="For people, a tool, a pull request, or code scanning."),
    ] = "text",
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Tell what a change of a config does to traffic, and whether your rules let it in, before it is merged.

    Both versions run, unedited, on twins, under every population of clients and in every state that inspect knows (or
    those that you name). Shares and failures are compared, and a difference counts only if chance does not explain it.
    What exists as a path is taken for one, all else for a git revision. Exit code 0 when the policy lets it in, 1 when
    it refuses it or asks for a second approver, 2 when it could not be judged.

    Examples:
      ./manyhands review main HEAD
      ./manyhands review HEAD
      ./manyhands review /etc/nginx/nginx.conf new/nginx.conf --clients many --state all-up
      ./manyhands review main HEAD --policy review.toml --approvals 2
      ./manyhands review origin/main HEAD --format markdown > review.md
    """
    from autograder.errors import ManyHandsError
    from autograder.guard import formats
    from autograder.guard.policy import DEFAULT, load_policy
    from autograder.guard.review import review as look
    from autograder.guard.version import open_version
    from autograder.inspect import command
    from autograder.inspect.progress import Progress

    if approvals < 0:
        raise ManyHandsError("--approvals is not negative", remedy="./manyhands review --help has examples")
    rules = load_policy(policy) if policy else DEFAULT
    wishes = _wishes(clients or ("all",), state or ("all",), capacity, engine, nginx, haproxy)
    with open_version(base, config) as old, open_version(head, config) as new:
        progress = Progress(sys.stderr, 0)
        found = look(old, new, wishes, rules, approvals, progress.say)
        progress.clear()
    form = "json" if json_ else format_
    if form == "text":
        for line in formats.text(found):
            show(line)
    elif form == "json":
        show(command.printable_json(found.to_dict()))
    else:
        show((formats.markdown if form == "markdown" else formats.sarif)(found))
    return found.exit_code


def _wishes(
    clients: tuple[str, ...],
    state: tuple[str, ...],
    capacity: tuple[str, ...],
    engine: str,
    nginx: Path | None,
    haproxy: Path | None,
) -> Wishes:
    """How to inspect, from the options that several verbs have. Raises ManyHandsError for a word nobody knows."""
    from autograder.inspect.command import capacities, chosen
    from autograder.inspect.inspection import Wishes
    from autograder.stack.model import POPULATIONS
    from autograder.traffic.states import STATES

    return Wishes(
        chosen(clients, POPULATIONS, "population"),
        chosen(state, STATES, "state"),
        engine,
        capacities(capacity),
        programs(nginx, haproxy),
    )
