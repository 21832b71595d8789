"""The wheel, installed where no clone is: it brings labs, pages and images, and its command works from any folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import autograder
from autograder.labs.catalogue import all_labs

ROOT = Path(__file__).parents[2]
GIT = ("git", "-c", "safe.directory=*")  # the clone may belong to another user than who tests it
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and the folder of somebody who uses it."""

    environment: Path
    user: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command that the wheel brought, in the user's empty folder."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MANYHANDS", "PYTHON"))}
        return subprocess.run(
            [self.environment / "bin" / "manyhands", *words],
            cwd=self.user,
            env={**kept, "HOME": str(self.user)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def in_git(*parts: str) -> set[str]:
    """Files of the clone that git knows, and that are there; none where the source came without its history."""
    if not (ROOT / ".git").exists():
        return set()
    ran = subprocess.run([*GIT, "ls-files", "-z", *parts], cwd=ROOT, capture_output=True, text=True, check=True)
    return {path for path in ran.stdout.split("\0") if path and (ROOT / path).is_file()}


def built(what: str, folder: Path) -> Path:
    """What hatchling builds into a folder."""
    code = f"import sys; from hatchling.build import build_{what} as build; print(build(sys.argv[1]))"
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code, folder], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return folder / ran.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this clone; nothing is fetched."""
    return built("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the source."""
    return built("sdist", tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment of its own. What it depends on is read from the environment that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    uv = [sys.executable, "-P", "-m", "uv", "--quiet", "--offline"]
    environment, user = folder / "environment", folder / "user"
    subprocess.run([*uv, "venv", "--no-project", "--python", sys.executable, environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run([*uv, "pip", "install", "--python", python, "--no-deps", wheel], check=True)
    packages = next(environment.glob("lib/python3.*/site-packages"))
    (packages / "tests_packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    user.mkdir()
    return Installed(environment, user)


def test_it_brings_what_the_package_reads_beside_itself(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    shared = next(name for name in held if name.endswith("/mkdocs.yml")).removesuffix("mkdocs.yml")
    wanted = in_git("labs", "course", "site", "docker", "autograder") | {"mkdocs.yml", "autograder/cli.py"}
    assert {path for path in wanted if path not in held and shared + path not in held} == set()


def test_nobodys_own_files_come_along(wheel: Path, source: Path) -> None:
    held = {name.partition("/share/many-hands/")[2] or name for name in zipfile.ZipFile(wheel).namelist()}
    with tarfile.open(source) as archive:
        held |= {member.name.partition("/")[2] for member in archive.getmembers()}
    ran = subprocess.run(
        [*GIT, "check-ignore", "--no-index", "--stdin"],
        cwd=ROOT, input="\n".join(sorted(held)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.stdout == ""
    assert ran.stdout == ""


def test_the_source_has_all_that_is_kept_in_git(source: Path) -> None:
    with tarfile.open(source) as archive:
        held = {member.name.partition("/")[2] for member in archive.getmembers()}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert {path for path in tracked if (ROOT / path).is_file()} - held == set()


def test_it_says_its_version_and_its_own_name(installed: Installed) -> None:
    assert installed.run("--version").stdout == f"{autograder.__version__}\n"
    overview = installed.run()
    assert "Usage: manyhands VERB" in overview.stdout
    assert "./manyhands" not in overview.stdout + installed.run("inspect", "--help").stdout


def test_it_lists_the_labs(installed: Installed) -> None:
    listed = json.loads(installed.run("labs", "--json").stdout)["labs"]
    assert [row["slug"] for row in listed] == [lab.slug for lab in all_labs()]


def test_it_inspects_a_config(installed: Installed) -> None:
    start = installed.environment / "share/many-hands/labs/spread-the-load/start/conf/nginx.conf"
    (installed.user / "nginx.conf").write_bytes(start.read_bytes())
    ran = installed.run("inspect", "nginx.conf", "--json")
    assert (ran.returncode, json.loads(ran.stdout)["verdict"]) == (1, "concentrated")


def test_it_keeps_what_a_user_makes_in_their_own_folder(installed: Installed) -> None:
    findings = json.loads(installed.run("doctor", "--json").stdout)["findings"]
    assert {"name": "your work", "seen": str(installed.user / "many-hands")}.items() <= next(
        finding for finding in findings if finding["name"] == "your work"
    ).items()


@pytest.mark.parametrize("words", [("test",), ("bench", "stacks"), ("new-lab", "mine"), ("classroom", "status")])
def test_what_needs_a_clone_says_so(installed: Installed, words: tuple[str, ...]) -> None:
    ran = installed.run(*words)
    assert ran.returncode == 2
    assert "needs a clone" in ran.stderr
    assert "Traceback" not in ran.stderr
