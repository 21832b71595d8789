"""Practising what nobody hopes to need."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from autograder.verbs.verb import Engine, HAProxy, Json, Nginx, programs, show, verb

_GOOD = "What users are served by: a config, a folder, or a git revision."


@verb
def drill(
    what: Annotated[Literal["rollback", "restore"], Parameter(help="What to practise.")],
    served: Annotated[str, Parameter(show_default=False, help=_GOOD)] = "",
    /,
    *,
    good: Annotated[str, Parameter(show_default=False, help="The same, where you like it said by name.")] = "",
    bad: Annotated[str, Parameter(show_default=False, help="Of a rollback, what is loaded, and has to go.")] = "",
    backup: Annotated[
        Path | None, Parameter(show_default=False, help="Of a restore, the folder that it begins with.")
    ] = None,
    runbook: Annotated[
        Path | None, Parameter(show_default=False, help="Your steps, .toml or .sh. Without it an example is printed.")
    ] = None,
    config: Annotated[
        str, Parameter(show_default=False, help="The main config's path, if it is called by another name.")
    ] = "",
    rto: Annotated[str, Parameter(show_default=False, help="The promised time until all is well, as 5m.")] = "",
    rpo: Annotated[str, Parameter(show_default=False, help="How old may be what is restored, as 24h.")] = "",
    rate: Annotated[float, Parameter(help="Users' requests a second, 20 to 500.")] = 80.0,
    report: Annotated[Path | None, Parameter(show_default=False, help="Write a report in Markdown here.")] = None,
    engine: Engine = "local",
    nginx: Nginx = None,
    haproxy: HAProxy = None,
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Practise a rollback, or the restore of a lost balancer, on a twin of your own config, with your own runbook.

    Users come to the twin all the time. Then a bad version is loaded, or the balancer's processes and files are gone.
    Your runbook's commands run step by step, in a sandbox on the twin. Told are the time from the break until users
    are served as before, the requests lost until then, and how old the restored config is. Exit code 0 when users are
    served, the right config runs, each step worked, and your promises are kept; 1 when not; 2 when nothing could be
    practised, as with a bad version that does no harm.

    Examples:
      ./manyhands drill rollback > runbook.toml
      ./manyhands drill rollback --good main --bad HEAD --runbook runbook.toml --rto 5m
      ./manyhands drill rollback nginx.conf --bad broken/nginx.conf --runbook rollback.sh
      ./manyhands drill restore haproxy.cfg --backup /backup/lb --runbook restore.sh --rto 30m --rpo 24h
      ./manyhands drill restore nginx.conf --backup backup/ --runbook restore.toml --report drill.md --json
    """
    from autograder.errors import ManyHandsError
    from autograder.guard.drill import command
    from autograder.guard.drill.report import markdown, text
    from autograder.inspect.progress import Progress

    if served and good:
        raise ManyHandsError("the good version is named twice", remedy="./manyhands drill --help has examples")
    wanted = command.Wanted(
        what, served or good, bad, backup, runbook, config, rto, rpo, rate, engine, programs(nginx, haproxy)
    )
    if runbook is None:
        show(command.example_for(wanted).rstrip("\n"))
        return 0
    if report is not None:
        _keep(report, "")  # rather now than after the drill
    progress = Progress(sys.stderr, 0)
    try:
        found = command.drill(wanted, progress.say)
    finally:
        progress.clear()
    if report is not None:
        _keep(report, markdown(found))
    if json_:
        show(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
    else:
        for line in text(found):
            show(line)
    return found.exit_code


def _keep(path: Path, content: str) -> None:
    from autograder.errors import ManyHandsError

    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ManyHandsError("the report cannot be written", where=str(path), why=error.strerror or "") from None
