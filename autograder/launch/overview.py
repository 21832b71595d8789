"""The first page of the command line, answered without importing anything else."""

from __future__ import annotations

from autograder import __version__
from autograder.whereabouts import spoken

VERBS = {
    "up": "start the course site and JupyterLab with the labs, on this machine only",
    "down": "end what `up` started, from another terminal",
    "labs": "list the labs",
    "lab": "do a lab in a terminal: see where traffic goes, break, mend, apply, check, roll back",
    "run": "start a stack, send it traffic, and see what becomes of it while you break and mend it",
    "verify": "let a lab prove itself: its start fails, its reference passes, each wrong mend is told apart",
    "new-lab": "write a new lab to begin with, which proves itself at once",
    "inspect": "run a config of yours, unedited, in a sandbox, and tell which server gets how much, and why",
    "review": "tell what a change of a config does to traffic, before it is merged, and whether your rules let it in",
    "drill": "practise a rollback or a restore on a twin of your own config, with your own runbook, and time it",
    "guard": "put a change on your balancers step by step, watch the traffic, and take it back if that is ill",
    "grade": "grade what learners submitted, in your class folder",
    "report": "tell how a class did, and export its grades",
    "classroom": "open a classroom for many on this machine's Docker, with a room for each",
    "nbgrader": "run one of nbgrader's own commands in your class folder",
    "bench": "measure Many Hands itself, against a peer in the same run",
    "doctor": "tell what works on this machine, and how to mend what does not",
    "test": "check Many Hands itself: lint, types, tests",
}
"""Every verb and its line, in the order people meet them."""

_PAGE = """\
Many Hands: break real nginx and HAProxy stacks, mend them, and be judged by what the traffic did.

Usage: ./manyhands VERB [OPTIONS]

{verbs}

Start with ./manyhands up. Each verb explains itself: ./manyhands up --help
Exit codes: 0 fine, 1 the thing judged is not, 2 it could not be judged or run.
"""


def answer(words: list[str]) -> str | None:
    """The overview or the version, if that is all that was asked for."""
    if words in ([], ["--help"], ["-h"], ["help"]):
        return spoken(_PAGE).format(verbs="\n".join(f"  {verb:<9} {line}" for verb, line in VERBS.items()))
    if words == ["--version"]:
        return f"{__version__}\n"
    return None
