"""`./manyhands classroom`, as far as it goes without Docker: what it asks for, what it refuses, and how it says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from autograder.classroom.kubernetes import FILES
from autograder.cli import main
from autograder.launch.places import ROOT
from tests.test_cli import manyhands

if TYPE_CHECKING:
    from pathlib import Path

LTI13 = str(ROOT / "docker/classroom/examples/lti13.toml")


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and a machine on which there is no Docker."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("MANYHANDS_HOME", str(tmp_path / "work"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    return tmp_path


def file_with(folder: Path, text: str, name: str = "classroom.toml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.parametrize(
    ("words", "what", "following"),
    [
        (("up",), "who is in the class?", "./manyhands classroom up --users users.csv"),
        (("users",), "who is to be added?", "./manyhands classroom users --users users.csv"),
        (("backup",), "which file?", "./manyhands classroom backup class.tar"),
        (("restore",), "which file?", "./manyhands classroom restore class.tar"),
        (("grades",), "grades of which lab?", "./manyhands classroom grades spread-the-load --dry-run"),
        (("grades", "no-such-lab"), "no-such-lab", ""),
        (("grades", "spread-the-load"), "grades go back to the learning platform", "docker/classroom/examples/lti13"),
        (("up", "--users", "not-there.csv"), "the list of users cannot be read", "it is a CSV file: name,role,pass"),
        (("status",), "docker ps failed", "sudo apt-get install docker.io"),
        (("down",), "docker ps failed", "sudo apt-get install docker.io"),
        (("grades", "spread-the-load", "--settings", LTI13), "docker", "sudo apt-get install docker.io"),
        (("status", "--settings", "not-there.toml"), "not-there.toml", ""),
    ],
)
def test_what_cannot_be_done_is_told_with_the_next_step(
    words: tuple[str, ...], what: str, following: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classroom", *words]) == 2
    told = capsys.readouterr().err
    assert what in told
    assert following in told
    assert "Traceback" not in told


def test_the_sign_in_for_tests_has_to_be_asked_for_by_its_whole_name(nowhere: Path) -> None:
    settings = file_with(nowhere, '[sign_in]\nkind = "dummy"\n')
    refused = manyhands("classroom", "up", "--settings", settings)
    assert refused.returncode == 2
    assert "the dummy sign-in lets anybody in under any name" in refused.stderr
    went_on = manyhands("classroom", "up", "--settings", settings, "--dummy-sign-in-for-tests")
    assert went_on.returncode == 2
    assert went_on.stderr.startswith("anybody can sign in under any name: this is for tests only")
    assert "Docker" in went_on.stderr


def test_a_classroom_with_a_sign_in_elsewhere_has_its_key_before_it_opens(nowhere: Path) -> None:
    users = file_with(nowhere, "name\nada\n", "users.csv")
    ran = manyhands("classroom", "up", "--settings", LTI13, "--users", users)
    assert ran.returncode == 2
    assert "Docker" in ran.stderr
    (key,) = (nowhere / "work").rglob("platform/key.pem")
    assert key.stat().st_mode & 0o077 == 0


def test_a_plan_is_told_in_words_as_json_and_as_files_for_kubernetes(
    nowhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classroom", "plan", "--learners", "300"]) == 0
    assert "300" in capsys.readouterr().out
    cluster = ["--learners", "3000", "--json", "--values", str(nowhere / "cluster")]
    assert main(["classroom", "plan", *cluster]) == 2
    assert "sign-in of the kind native is for one machine" in capsys.readouterr().err
    assert main(["classroom", "plan", *cluster, "--settings", LTI13]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["learners"] == 3000
    assert told.err.startswith(", ".join(FILES))
    assert sorted(path.name for path in (nowhere / "cluster").iterdir()) == sorted(FILES)
