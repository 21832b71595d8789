"""The grading cluster of docker/grading: its image, and its containers with the rights that the compose file gives."""

from __future__ import annotations

import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from autograder.grading.cluster import judge_all
from autograder.grading.judging import Task, judge
from autograder.labs.catalogue import load_lab
from tests.grading.course import LAB
from tests.grading.dask_cluster import ROOT, wait_until

pytestmark = [pytest.mark.docker, pytest.mark.slow]
FOLDER = ROOT / "docker" / "grading"
SERVICES: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
OPTIONS = {"mem_limit": "--memory", "pids_limit": "--pids-limit", "cpus": "--cpus"}


def docker(*words: str | Path) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, cwd=FOLDER, timeout=300)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout.strip()


def start(service: str, name: str, network: str, image: str, *more: str) -> str:
    """What compose would run for a service, said to Docker itself: not every machine has compose."""
    told = SERVICES[service]
    assert told["read_only"]
    assert told["init"]
    words = ["--detach", "--name", name, "--network", network, "--read-only", "--init", *more]
    words += [word for option in told["tmpfs"] for word in ("--tmpfs", option)]
    words += [word for option in told["cap_drop"] for word in ("--cap-drop", option)]
    words += [word for option in told["security_opt"] for word in ("--security-opt", option)]
    words += [word for key, option in OPTIONS.items() if key in told for word in (option, str(told[key]))]
    return docker("run", *words, image, *told["command"])


@pytest.fixture
def cluster() -> Iterator[tuple[str, str]]:
    """Address of a scheduler with one worker, all in containers; and the worker's name."""
    mark = f"manyhands-grading-test-{uuid.uuid4().hex[:8]}"
    image, worker = f"{mark}:test", f"{mark}-worker"
    inner, outer, scheduler = f"{mark}-inner", f"{mark}-outer", f"{mark}-scheduler"
    try:
        built = subprocess.run([FOLDER / "build", image], capture_output=True, text=True, check=False, timeout=500)
        assert built.returncode == 0, built.stderr
        docker("network", "create", "--internal", inner)
        docker("network", "create", outer)
        start("scheduler", scheduler, outer, image, "--publish", "127.0.0.1::8786")
        docker("network", "connect", "--alias", "scheduler", inner, scheduler)
        start("worker", worker, inner, image)

        def registered() -> bool:
            said = subprocess.run(["docker", "logs", worker], capture_output=True, text=True, check=False)
            return "Registered to" in said.stderr + said.stdout

        wait_until(registered, 180)
        yield f"tcp://{docker('port', scheduler, '8786').splitlines()[0]}", worker
    finally:
        for words in (
            ("rm", "--force", "--volumes", worker, scheduler),
            ("network", "rm", inner, outer),
            ("rmi", "--force", image),
        ):
            subprocess.run(["docker", *words], capture_output=True, check=False, timeout=120)


def test_a_worker_in_a_container_judges_and_may_do_little_else(cluster: tuple[str, str]) -> None:
    address, worker = cluster
    lab = load_lab(LAB)
    files = lab.read(lab.folder / "wrong" / "missing-semicolon")
    results = dict(judge_all(1, lambda _: Task(LAB, files, 1), address, judge, [LAB], print))
    assert not isinstance(results[0], Exception), results[0]
    assert [verdict["outcome"] for verdict in results[0]] == ["failed", *["unjudged"] * 4]
    reference = lab.read(lab.reference)
    results = dict(judge_all(1, lambda _: Task(LAB, reference, 1, checks=("spread",)), address, judge, [LAB], print))
    assert not isinstance(results[0], Exception), results[0]
    assert [verdict["outcome"] for verdict in results[0]] == ["passed"]
    rules = load_lab("see-it-coming")
    files = rules.read(rules.reference)
    results = dict(judge_all(1, lambda _: Task(rules.slug, files, 1), address, judge, [rules.slug], print))
    assert not isinstance(results[0], Exception), results[0]
    assert {verdict["outcome"] for verdict in results[0]} == {"passed"}

    assert docker("exec", worker, "id", "-u") == "1000"
    rights = docker("exec", worker, "cat", "/proc/self/status")
    assert re.search(r"CapEff:\s+0+$", rights, re.MULTILINE)
    assert re.search(r"NoNewPrivs:\s+1", rights)
    code = "import os; print(os.path.exists('/var/run/docker.sock'), os.access('/opt/manyhands', os.W_OK))"
    assert docker("exec", worker, "python3", "-c", code) == "False False"
    assert SERVICES["scheduler"]["ports"] == ["127.0.0.1:8786:8786"]


def test_the_worker_gets_no_socket_and_no_way_out() -> None:
    told = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    assert told["networks"]["cluster"]["internal"]
    assert told["services"]["worker"]["networks"] == ["cluster"]
    assert not [service for service in told["services"].values() if "volumes" in service or "privileged" in service]
