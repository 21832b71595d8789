"""Judges for tests of everything around judging; functions of a module, so that worker processes can be given them."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

from autograder.grading.judging import Task, Verdicts
from autograder.labs.catalogue import load_lab
from autograder.labs.verdict import Outcome, Verdict
from autograder.stack.engine import EngineError

DIARY = "MANYHANDS_TEST_DIARY"
WORD = "MANYHANDS_TEST_WORD"
BROKEN = "MANYHANDS_TEST_BROKEN"


def by_word(task: Task) -> Verdicts:
    """Passed for a config that says ``good``; keeps a diary of what was judged if the environment names one."""
    text = task.files.get("conf/nginx.conf", b"")
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
        for check in load_lab(task.lab, task.variant).checks
        if not task.checks or check.name in task.checks
    ]


def we_fail(task: Task) -> Verdicts:
    """Our own failure, for the one config that says so."""
    if b"unlucky" in task.files["conf/nginx.conf"]:
        raise EngineError("no namespaces today")
    return by_word(task)


def dies(task: Task) -> Verdicts:
    """The process that judges the unlucky config is killed."""
    if b"unlucky" in task.files["conf/nginx.conf"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return by_word(task)


def kills_the_run(task: Task) -> Verdicts:
    """Half-way, the whole run is killed from outside."""
    if b"last word" in task.files["conf/nginx.conf"]:
        os.kill(os.getppid(), signal.SIGKILL)
    return by_word(task)


def gives_too_much(task: Task) -> Verdicts:
    """A judge with a fault of its own: points that are no points."""
    return [{**verdict, "points": float("nan")} for verdict in by_word(task)]


def with_noise(task: Task) -> Verdicts:
    """What is seen differs from run to run, as real traffic does; what it comes to does not."""
    noise = random.random()
    share = {"app1": noise, "app2": 1 - noise}
    return [
        {**row, "share": share, "requests": random.randrange(600), "observed": f"{noise} s", "seconds": noise}
        for row in by_word(task)
    ]


def waits_for_the_word(task: Task) -> Verdicts:
    """Judges only once the file in the environment is there: a test decides when."""
    while not Path(os.environ[WORD]).exists():
        time.sleep(0.05)  # between two looks
    return with_noise(task)


def cannot_here(task: Task) -> Verdicts:
    """A machine on which nothing can be judged: the one whose environment says so."""
    if os.environ.get(BROKEN):
        raise EngineError("no namespaces on this machine")
    return by_word(task)


def answers_nonsense(task: Task) -> Verdicts:
    """What a worker with ideas of its own might send, a kind for each config."""
    rows = by_word(task)
    text = task.files["conf/nginx.conf"]
    if b"too many points" in text:
        return [{**row, "points": 1000.0, "max_points": 1000.0} for row in rows]
    if b"no verdicts" in text:
        return []
    if b"other checks" in text:
        return [{**row, "check": "another"} for row in rows]
    if b"more than one" in text:
        return rows + rows
    if b"no row" in text:
        return [{"check": "starts"}]
    return rows


def strict_about_peaks(task: Task) -> Verdicts:
    """Like :func:`by_word`, after somebody raised what a peak asks for."""
    weak = b"weak" in task.files["conf/nginx.conf"]
    rows = by_word(task)
    return [
        {**row, "points": 0.0, "outcome": str(Outcome.FAILED)} if weak and row["check"] == "peak" else row
        for row in rows
    ]


def tells_its_seed(task: Task) -> Verdicts:
    """What is seen is the seed that the task came with."""
    return [{**row, "observed": str(task.seed)} for row in by_word(task)]


def names_own_servers(task: Task) -> Verdicts:
    """Passed for a config that names every server of the student's own variant; a peak asks for more, if it says so."""
    text = task.files["conf/nginx.conf"].decode()
    lab = load_lab(task.lab, task.variant)
    good = all(server.name in text for server in lab.stack.servers)
    named = Task(
        task.lab, {"conf/nginx.conf": b"good" if good else b"bad"}, task.seed, "local", task.variant, task.checks
    )
    return by_word(named)


def strict_about_own_peaks(task: Task) -> Verdicts:
    """The same, after somebody raised what a peak asks for."""
    rows = names_own_servers(task)
    weak = b"weak" in task.files["conf/nginx.conf"]
    lost = {"points": 0.0, "outcome": str(Outcome.FAILED)}
    return [{**row, **(lost if weak and row["check"] == "peak" else {})} for row in rows]
