"""A small class that comes all at once: the short form of ``./manyhands bench classroom``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from autograder.bench import classroom
from autograder.bench.visitor import words_of
from tests.classroom.conftest import LABS, docker, wait_until

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("machine")]


def ours(*kinds: Sequence[str]) -> list[str]:
    """What Docker has of classrooms that were measured."""
    kinds = kinds or (("ps", "--all", "--format", "{{.Names}}"), ("volume", "ls", "--format", "{{.Name}}"))
    return [name for kind in kinds for name in docker(*kind).split() if name.startswith("manyhands-bench-")]


def test_three_come_at_once_a_fourth_is_told_and_the_hub_may_be_restarted() -> None:
    # In a thread of its own, as in tests/loops.py.
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(classroom.measure, 3, print, labs=LABS).result()
    assert found.failed == ()
    assert (found.succeeded, found.exit_code) == (3, 0)
    assert found.refused["status"] == 429
    assert found.refused["let_in_later"]
    assert found.restart["rooms_went_on"]
    assert found.restart["kept_their_work"] == 3
    assert set(found.seconds) >= {"sign in", "room", "open the lab", "check"}
    assert found.alone["check"]["memory_mb"] > found.alone["room"]["memory_mb"] > 0
    assert "3 of 3 learners" in classroom.report(found)
    assert ours() == []


def test_nothing_is_left_of_it_when_it_is_interrupted() -> None:
    command = [sys.executable, "-P", "-m", "autograder", "bench", "classroom", "--learners", "2"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        wait_until(lambda: any("-room-" in name for name in ours()), "somebody has a room")
    finally:
        os.killpg(running.pid, signal.SIGINT)
        running.communicate(timeout=300)
    assert ours() == ours(("network", "ls", "--format", "{{.Name}}")) == []


def test_what_people_read_is_without_markup() -> None:
    page = "<html><head><title>x</title></head><body><script>var a = 1 < 2;</script><h1>Every</h1> <p>room</p></body>"
    assert words_of(page) == "Every room"
