"""No healthy config is called concentrated or broken: those in real life's styles, and those that look like a mistake.

Every one of them takes traffic, so by default a part is run; with ``MANYHANDS_ALL_HEALTHY=1`` all of them are.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autograder.inspect.config import Config
from autograder.inspect.inspection import Wishes, inspect
from autograder.mistakes.catalogue import mistakes

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
MAIN = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}
EVERY = 1 if os.environ.get("MANYHANDS_ALL_HEALTHY") else 20
FINE = ("even", "skewed-as-declared", "undecided")
OTHERWISE = {
    "checks-without-questions/inherited": "HAProxy sends no question where `option httpchk` is inherited and "
    "`http-check expect` is not: every server is DOWN",
    "forgotten-server/not-declared": "a pool of one",
    "forgotten-server/out-of-service": "capacity is declared for a machine that the config does not name",
    "left-draining/declared": "only the catalogue can be told that a server should not serve",
    "one-tiny-limit/weak": "capacity is declared in words of the catalogue's alone",
}
"""Look-alikes of one mistake that are another one, or that inspect cannot be told about, and why."""


def healthy() -> Iterator[tuple[str, Config, dict[str, float]]]:
    for path in sorted((ROOT / "mistakes" / "healthy").glob("*/*")):
        main = MAIN[path.parent.name]
        yield f"{path.parent.name}-{path.stem}", Config(main, {main: path.read_bytes()}, main, path.parent.name), {}


def look_alikes() -> Iterator[tuple[str, Config, dict[str, float]]]:
    for mistake in mistakes():
        for one in mistake.look_alikes:
            name, main = f"{mistake.slug}/{one.name}", MAIN[one.proxy]
            if name not in OTHERWISE:
                yield name, Config(main, {main: one.config.encode()}, main, one.proxy), dict(one.capacity or {})


CASES = [*healthy(), *list(look_alikes())[::EVERY]]


@pytest.mark.slow
@pytest.mark.parametrize(("config", "capacity"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_it_is_neither_concentrated_nor_broken(config: Config, capacity: dict[str, float]) -> None:
    found = inspect(config, Wishes(capacity=capacity))
    runs = [(pool.name, run) for pool in found.pools for run in pool.runs] + [("", run) for run in found.together]
    wrong = [f"{name}: {run}" for name, run in runs if run.verdict.value not in FINE]
    assert found.verdict.value in FINE, "\n".join([*wrong, *found.faults, *found.notes])


def test_what_is_otherwise_is_there() -> None:
    there = {f"{mistake.slug}/{one.name}" for mistake in mistakes() for one in mistake.look_alikes}
    assert set(OTHERWISE) <= there


def test_there_are_many() -> None:
    assert len(list(healthy())) >= 40
    assert len(list(look_alikes())) >= 250
