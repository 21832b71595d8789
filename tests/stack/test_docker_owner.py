"""Nothing of a stack on Docker outlives its owner, however that ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import autograder
from autograder.stack.docker import DockerEngine
from autograder.stack.docker_daemon import connect
from autograder.stack.docker_image import ensure_image
from autograder.stack.docker_owner import STACK, owner_is_gone, owner_labels, remove_strays
from autograder.stack.docker_plan import Plan
from autograder.stack.engine import EngineError
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.procfs import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TWO = Stack("two", (Balancer("lb", "nginx"),), (Server("app1"), Server("app2")))
PACKAGE = Path(autograder.__file__).parent
PARTS = 5 + 2 + 6
"""What it is made of: containers (the balancer has two), networks, volumes (one of them the balancer's config)."""


@pytest.fixture
def api() -> Iterator[Any]:
    client = connect()
    yield client
    client.close()


def belongings(api: Any, key: str) -> list[str]:
    """Names of everything on the daemon that belongs to a stack."""
    label = {"label": f"{STACK}={key}"}
    found = [one["Names"][0] for one in api.containers(all=True, filters=label)]
    found += [one["Name"] for one in api.networks(filters=label)]
    return found + [one["Name"] for one in api.volumes(filters=label)["Volumes"] or []]


def stray(meanwhile: Callable[[str], None] = lambda _: None, *, reaped: bool = False) -> str:
    """Key of a stack whose owner was killed; ``meanwhile`` is called with it while the owner lives.

    Unless it is to be ``reaped``, the owner's reaper was killed first.
    """
    code = """
import sys
from autograder.stack.docker import DockerEngine
from tests.stack.test_docker_owner import TWO
machines = DockerEngine().open(TWO)
machines.pause("app1")
print(machines._plan.key, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        key = owner.stdout.readline().strip()
        meanwhile(key)
        if not reaped:
            (reaper,) = map(int, Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text().split())
            os.kill(reaper, signal.SIGKILL)
        owner.kill()
        owner.wait()
    return key


@pytest.mark.docker
def test_nothing_is_left_of_a_stack_that_was_stopped_also_while_its_node_was_down(api: Any) -> None:
    threads = set(threading.enumerate())
    machines = DockerEngine().open(TWO)
    key = machines._plan.key
    assert len(belongings(api, key)) == PARTS
    machines.kill("app1")
    machines.stop()
    machines.stop()
    assert belongings(api, key) == []
    assert set(threading.enumerate()) == threads


@pytest.mark.docker
def test_nothing_is_left_of_a_start_that_failed_half_way(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = []
    real = Plan.container

    def broken(plan: Plan, client: Any, node: str) -> dict[str, Any]:
        keys.append(plan.key)
        how = real(plan, client, node)
        return {**how, "command": ["/no/such/program"]} if node == "app2" else how

    monkeypatch.setattr(Plan, "container", broken)
    with pytest.raises(EngineError, match="no such file"):
        DockerEngine().open(TWO)
    assert belongings(api, keys[0]) == []


@pytest.mark.docker
def test_a_killed_owner_s_stack_is_removed_by_the_next_to_open(api: Any) -> None:
    def while_its_owner_lives(key: str) -> None:
        assert len(belongings(api, key)) == PARTS
        remove_strays(api)
        assert len(belongings(api, key)) == PARTS

    key = stray(while_its_owner_lives)
    remove_strays(api)
    assert belongings(api, key) == []


@pytest.mark.docker
def test_a_killed_owner_s_stack_is_removed_at_once(api: Any) -> None:
    key = stray(lambda key: None if belongings(api, key) else pytest.fail("it was never there"), reaped=True)
    assert wait_until(lambda: not belongings(api, key), 60)


@pytest.mark.docker
def test_two_clones_may_find_the_same_stray_at_once(api: Any, tmp_path: Path) -> None:
    clone = shutil.copytree(PACKAGE, tmp_path / "autograder", ignore=shutil.ignore_patterns("__pycache__")).parent
    key = stray()
    code = """
import sys
from autograder.stack.docker_daemon import connect
from autograder.stack.docker_owner import remove_strays
api = connect()
print("ready", flush=True)
sys.stdin.readline()
remove_strays(api)
"""
    reapers = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder
        )
        for folder in (PACKAGE.parent, clone)
    ]
    for reaper in reapers:
        assert reaper.stdout is not None
        assert reaper.stdout.readline() == "ready\n"
    for reaper in reapers:
        assert reaper.stdin is not None
        reaper.stdin.write("go\n")
        reaper.stdin.flush()
    for reaper in reapers:
        reaper.communicate(timeout=300)
        assert reaper.returncode == 0
    assert belongings(api, key) == []


@pytest.mark.docker
def test_a_stray_that_docker_holds_on_to_keeps_nobody_from_working(api: Any) -> None:
    key = os.urandom(4).hex()
    code = """
import json, sys
from autograder.stack.docker_owner import owner_labels
print(json.dumps(owner_labels(sys.argv[1])), flush=True)
sys.stdin.read()
"""
    # It lives until the network is held on to: tests beside this one remove strays, too.
    owner = subprocess.Popen(
        [sys.executable, "-c", code, key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    network = api.create_network(f"manyhands-{key}-wire", labels=json.loads(owner.stdout.readline()))["Id"]
    host = api.create_host_config(network_mode=network)
    holder = api.create_container(ensure_image(api), ["sleep", "infinity"], host_config=host)["Id"]
    try:
        api.start(holder)
        owner.communicate("")
        remove_strays(api)
        assert belongings(api, key) == [f"manyhands-{key}-wire"]
    finally:
        api.remove_container(holder, force=True)
    remove_strays(api)
    assert belongings(api, key) == []


@pytest.mark.docker
def test_an_owner_that_ends_without_stopping_takes_its_stack_along(api: Any) -> None:
    code = """
from autograder.stack.docker import DockerEngine
from tests.stack.test_docker_owner import TWO
machines = DockerEngine().open(TWO)
print(machines._plan.key, flush=True)
raise KeyboardInterrupt
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "KeyboardInterrupt" in ended.stderr
    assert belongings(api, ended.stdout.strip()) == []


def test_an_owner_is_known_by_when_it_started_and_where() -> None:
    mine = owner_labels("x")
    assert not owner_is_gone(mine)
    assert owner_is_gone({**mine, "manyhands.owner": f"{os.getpid()}:1"})  # the pid was given to somebody else
    assert owner_is_gone({**mine, "manyhands.boot": "before the reboot"})
    assert not owner_is_gone({**mine, "manyhands.place": "elsewhere", "manyhands.boot": "other"})
