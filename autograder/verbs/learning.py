"""What a learner does: start everything, see the labs, do one in a terminal, play with a stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from autograder.errors import ManyHandsError
from autograder.verbs.verb import Engine, HAProxy, Json, Nginx, programs, say, show, verb

_SEED = "What everybody's own labs are drawn from, in a new class: any text, or none (MANYHANDS_SEED; random)."


@verb
def up(
    *,
    browser: Annotated[bool, Parameter(help="Open the list of labs in the browser once all answers.")] = True,
    port_site: Annotated[int | None, Parameter(help="Port of the course site (8000, or the next free one).")] = None,
    port_lab: Annotated[int | None, Parameter(help="Port of JupyterLab (8888, or the next free one).")] = None,
    seed: Annotated[str | None, Parameter(show_default=False, help=_SEED)] = None,
) -> int:
    """Start the course site and JupyterLab with the labs, on this machine only.

    Stays in the foreground. Ctrl-C, or ./manyhands down in another terminal, ends everything it started. Your files
    are in work/ (or $MANYHANDS_HOME) and are never overwritten.

    In a new class everybody gets labs of their own: other server names and numbers, other mistakes to begin with. With
    --seed none everybody has the labs as the site shows them, as for teaching live.

    Examples:
      ./manyhands up
      ./manyhands up --seed none
      ./manyhands up --no-browser --port-lab 9999
    """
    from autograder.launch.up import Wishes
    from autograder.launch.up import up as start

    return start(Wishes(port_site, port_lab, browser, seed), say, show)


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
                "objectives": list(lab.objectives),
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
def lab(
    name: Annotated[str, Parameter(help="The lab; ./manyhands labs lists them.")],
    /,
    *,
    plain: Annotated[
        bool, Parameter(negative="", show_default=False, help="Line by line instead of a full screen.")
    ] = False,
    folder: Annotated[
        Path | None, Parameter(show_default=False, help="Folder with your files (work/labs/NAME, as in JupyterLab).")
    ] = None,
    engine: Engine = "local",
) -> int:
    r"""Do a lab in a terminal: see where the traffic goes, break, mend, apply, check, roll back.

    The same lab, the same files and the same checks as in JupyterLab. Keys are named at the bottom of the screen. When
    you quit, the stack ends, and your files and all you did are kept.

    With --plain, commands are words (type help). That suits a screen reader and a script: in a pipe they come from
    standard input, and the exit code is 0 when all went well, 1 when a check failed or a config was refused, 2 when
    something could not be done.

    Examples:
      ./manyhands lab spread-the-load
      ./manyhands lab spread-the-load --plain
      printf 'apply\nsend office\ncheck spread\n' | ./manyhands lab spread-the-load
      ./manyhands lab spread-the-load --folder /tmp/try-it
    """
    from functools import partial

    from autograder.labs.catalogue import load_lab
    from autograder.launch.own_lab import own_lab, submit
    from autograder.notebook.terminal.opening import open_in_terminal, wants_lines

    load_lab(name)  # an unknown one is told before anything is made
    lines = wants_lines(plain, name)
    place = folder.expanduser().absolute() if folder is not None else own_lab(name, say)
    hand_in = partial(submit, name) if folder is None else None
    return open_in_terminal(name, place, engine, lines=lines, submit=hand_in, say=say, show=show)


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
    look = play(find(stack, config), Wishes(engine, seconds, clients, rate, programs(nginx, haproxy)), say)
    if json_:
        show(json.dumps(look.to_dict(), indent=2))
    return 0
