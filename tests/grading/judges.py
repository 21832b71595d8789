"""Judges for tests of everything around judging; functions of a module, so that worker processes can be given them."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder.labs.catalogue import load_lab
from autograder.labs.verdict import Outcome, Verdict
from autograder.stack.engine import EngineError

DIARY = "MANYHANDS_TEST_DIARY"


def by_word(slug: str, files: Mapping[str, bytes], engine: str) -> list[dict[str, Any]]:
    """Passed for a config that says ``good``; keeps a diary of what was judged if the environment names one."""
    text = files.get("conf/nginx.conf", b"")
    if DIARY in os.environ:
        with Path(os.environ[DIARY]).open("ab") as diary:
            diary.write(text + b"\n")
    good = b"good" in text
    return [
        Verdict(
            check.name,
            Outcome.PASSED if good else Outcome.FAILED,
            check.points if good else 0.0,
            check.points,
            "seen",
        ).to_dict()
        for check in load_lab(slug).checks
    ]


def we_fail(slug: str, files: Mapping[str, bytes], engine: str) -> list[dict[str, Any]]:
    """Our own failure, for the one config that says so."""
    if b"unlucky" in files["conf/nginx.conf"]:
        raise EngineError("no namespaces today")
    return by_word(slug, files, engine)


def dies(slug: str, files: Mapping[str, bytes], engine: str) -> list[dict[str, Any]]:
    """The process that judges the unlucky config is killed."""
    if b"unlucky" in files["conf/nginx.conf"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return by_word(slug, files, engine)


def kills_the_run(slug: str, files: Mapping[str, bytes], engine: str) -> list[dict[str, Any]]:
    """Half-way, the whole run is killed from outside."""
    if b"last word" in files["conf/nginx.conf"]:
        os.kill(os.getppid(), signal.SIGKILL)
    return by_word(slug, files, engine)


def gives_too_much(slug: str, files: Mapping[str, bytes], engine: str) -> list[dict[str, Any]]:
    """A judge with a fault of its own: points that are no points."""
    return [{**verdict, "points": float("nan")} for verdict in by_word(slug, files, engine)]
