"""The guard on stacks of our own: the canary and its control, what is not sure, and a good version that is bad, too."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.guard.balancers.stack import StackBalancer
from autograder.guard.counts import Window
from autograder.guard.guardian import Guard, GuardError
from autograder.guard.settings import Git, Look, Settings, Watch
from autograder.guard.state import Step
from autograder.stack.model import Balancer, Door, Server, Stack
from autograder.stack.running import RunningStack, open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send

SHOP = Stack(
    "shop",
    (Balancer("lb1", "nginx"), Balancer("lb2", "nginx")),
    tuple(Server(f"app{number}", workers=64, service_ms=1, page_ms=1, queue=1000) for number in (1, 2, 3)),
)
CONFIG = """# version {number}
worker_processes 1;
events {{}}
http {{
    upstream shop {{ server app1:8080{first}; server app2:8080; server app3:8080; }}
    server {{ listen 80; location / {{ proxy_pass http://shop; }} }}
}}
"""


class Paced(StackBalancer):
    """Each look is worth so many requests, however slow the machine is."""

    each = 450
    tried: tuple[bytes, ...] = ()

    def __init__(self, running: RunningStack, name: str) -> None:
        super().__init__(running, name)
        self._running = running

    def load(self, files: dict[str, bytes], gone: set[str]) -> None:  # type: ignore[override]
        self.tried += (files["nginx.conf"],)
        super().load(files, gone)

    def counts(self) -> Window:
        door = Door(self._running.machines.address(self.name), 80)
        many = population("many")
        self.tally.hear(0.0, send(self._running, many, many.browse(self.each), timeout=60, door=door))
        return self.tally.window()


class Place:
    """A stack, a repository, and the guard's state."""

    def __init__(self, running: RunningStack, folder: Path) -> None:
        self.running, self.folder = running, folder
        self.repo = folder / "repo"
        self.repo.mkdir()
        self.number = 0
        self._git("init", "--quiet", "--initial-branch", "main")
        self.balancers = tuple(Paced(running, name) for name in ("lb1", "lb2"))
        self.settings = Settings(
            folder / "guard.toml",
            Git(self.repo, "nginx.conf"),
            (),
            folder / "state",
            watch=Watch(0, 0, 0, 0, every_s=0.02),
            inspect=Look(run=False),
        )
        text = self.config()
        self.first = self.commit(text)
        for one in self.balancers:
            one.load({"nginx.conf": text}, set())
            one.tried = ()

    def config(self, first: str = "") -> bytes:
        self.number += 1
        return CONFIG.format(number=self.number, first=first).encode()

    def commit(self, text: bytes) -> str:
        (self.repo / "nginx.conf").write_bytes(text)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", f"version {self.number}")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        who = {f"GIT_{one}_{what}": "ops@shop.example" for one in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return subprocess.run(
            ["git", *words], cwd=self.repo, env=os.environ | who, capture_output=True, text=True, check=True
        ).stdout

    def runs(self, name: str) -> bytes:
        return dict(self.running.balancer(name).running or {})["nginx.conf"]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningStack]:
    with open_stack(SHOP) as running:
        yield running


@pytest.fixture
def place(running: RunningStack, tmp_path: Path) -> Iterator[Place]:
    yield Place(running, tmp_path)
    running.bring_back()


def test_a_bad_change_is_stopped_at_the_canary(place: Place) -> None:
    good = place.runs("lb2")
    place.commit(place.config(" weight=100"))
    with Guard(place.settings, place.balancers) as guard:
        assert guard.apply("main").kind == "reverted"
    assert (place.runs("lb1"), place.runs("lb2")) == (good, good)
    assert place.balancers[1].tried == ()  # no user of the second ever met it


def test_a_benign_change_goes_to_the_canary_and_then_to_all(place: Place) -> None:
    new = place.config()
    place.commit(new)
    steps: list[tuple[Step, str]] = []
    with Guard(place.settings, place.balancers, on_step=lambda *at: steps.append(at)) as guard:
        assert guard.apply("main").kind == "kept"
    assert (place.runs("lb1"), place.runs("lb2")) == (new, new)
    order = [Step.LINT, Step.BEFORE, Step.CANARY, Step.WATCH_CANARY, Step.REST, Step.WATCH, Step.KEEP]
    assert steps == [(step, phase) for step in order for phase in ("begun", "done")]


@pytest.mark.parametrize(("decide", "kind"), [("keep", "kept"), ("revert", "reverted")])
def test_where_it_is_not_sure_a_person_decides(place: Place, decide: str, kind: str) -> None:
    good, new = place.runs("lb1"), place.config()
    place.commit(new)
    (only, _) = place.balancers
    only.each = 5
    with Guard(place.settings, (only,)) as guard:
        outcome = guard.apply("main")
        assert (outcome.kind, outcome.exit_code) == ("held", 2)
        assert place.runs("lb1") == new  # nothing is done
        assert guard.resume() is None
        with pytest.raises(GuardError, match="until a person"):
            guard.apply("main")
        with pytest.raises(GuardError, match="not sure"):
            guard.acknowledge("mira")
        only.each = 450
        decided = guard.acknowledge("mira", decide)
        assert decided is not None
        assert decided.kind == kind
    assert place.runs("lb1") == (new if decide == "keep" else good)


def test_a_good_version_that_is_bad_too_is_said_and_left_alone(place: Place) -> None:
    good = place.runs("lb1")
    place.commit(place.config())

    def calamity(step: Step, phase: str) -> None:
        if (step, phase) == (Step.WATCH, "begun"):
            for server in ("app2", "app3"):
                place.running.kill(server)

    (only, _) = place.balancers
    with Guard(place.settings, (only,), on_step=calamity) as guard:
        outcome = guard.apply("main")
        assert (outcome.kind, outcome.exit_code) == ("good-is-bad", 2)
        assert guard.desk.state.frozen
        assert "good-is-bad" in [event.kind for event in guard.desk.audit.events()]
    assert place.runs("lb1") == good
    assert len(only.tried) == 2  # in, and back; no flapping


def test_what_a_twin_shows_to_be_bad_is_never_installed(place: Place) -> None:
    place.commit(place.config(" weight=100"))
    settings = replace(place.settings, inspect=Look(clients=("many",), states=("all-up",)))
    (only, _) = place.balancers
    with Guard(settings, (only,)) as guard:
        outcome = guard.apply("main")
        assert outcome.kind == "refused"
        assert "weight-skew" in outcome.said
        assert only.tried == ()
        with pytest.raises(GuardError, match="not tried again"):
            guard.apply("main")


def test_a_listener_that_fails_stops_nothing(place: Place) -> None:
    class Broken:
        def event(self, *_: object) -> None:
            raise OSError("disk full")

        def window(self, *_: object) -> None:
            raise OSError("disk full")

        def close(self) -> None:
            pass

    place.commit(place.config())
    (only, _) = place.balancers
    with Guard(place.settings, (only,), [Broken()]) as guard:
        assert guard.apply("main").kind == "kept"
        assert any("disk full" in event.said for event in guard.desk.audit.events())
