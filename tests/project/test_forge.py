"""What hosts of code read: it runs what we run, names what is there, and asks what we need to know."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import autograder
from autograder.launch.suite import PARTS

ROOT = Path(__file__).parents[2]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def read(path: str) -> Any:
    """A YAML file of the repository."""
    return yaml.safe_load((ROOT / path).read_text("utf-8"))


def test_the_workflow_runs_what_anybody_can_run() -> None:
    (job,) = read(".github/workflows/checks.yml")["jobs"].values()
    assert job["steps"][-1]["run"] == ".ci/run"
    assert job["container"]["image"] == "debian:12"
    assert "on Debian 12" in (ROOT / ".ci/run").read_text("utf-8")


def test_actions_of_others_are_pinned() -> None:
    used = re.findall(r"uses: (\S+)", (ROOT / ".github/workflows/checks.yml").read_text("utf-8"))
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)] == []


def test_every_path_with_an_owner_exists() -> None:
    lines = (ROOT / ".github/CODEOWNERS").read_text("utf-8").splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    assert rules[0][0] == "*"
    assert [path for path, *_ in rules[1:] if not (ROOT / path.strip("/")).exists()] == []
    assert all(owner.startswith("@") for _, *owners in rules for owner in owners)


@pytest.mark.parametrize("form", [path for path in FORMS if path.stem != "config"], ids=lambda path: path.stem)
def test_a_form_asks_for_what_is_needed(form: Path) -> None:
    asked = yaml.safe_load(form.read_text("utf-8"))
    assert {"name", "description", "body"} <= asked.keys()
    assert any(field.get("validations", {}).get("required") for field in asked["body"])


def test_hooks_before_a_commit_are_verbs_that_exist() -> None:
    for hook in read(".pre-commit-config.yaml")["repos"][0]["hooks"]:
        script, verb, *words = hook["entry"].split()
        assert (script, verb) == ("./manyhands", "test")
        assert all((ROOT / word).exists() for word in words if word.startswith("tests/"))
        assert words[0] != "--only" or words[1] in PARTS


def test_the_container_for_editors_has_what_ci_installs() -> None:
    told = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))
    recipe = (ROOT / ".devcontainer" / told["build"]["dockerfile"]).read_text("utf-8")
    wanted = set(
        re.split(r"[\s\\]+", re.findall(r"^install ((?:.*\\\n)*.*)$", (ROOT / ".ci/run").read_text(), re.M)[0])
    )
    assert {package for package in wanted if package not in recipe.split()} <= {
        "docker-compose",
        "docker.io",
        "mmdebstrap",
    }


def test_the_version_is_semantic_and_written_once() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", autograder.__version__)
    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dynamic"] == ["version"]


def test_the_change_log_is_in_order() -> None:
    first, *rest = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert first == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", heading) for heading in rest)
