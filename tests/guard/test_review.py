"""A change in a real git repository, measured on real balancers: what is said, in which form, with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from autograder.cli import main
from autograder.errors import ManyHandsError
from autograder.guard.version import open_version
from tests.inspect import configs

QUICK = ("--clients", "many", "--state", "all-up")


class Repository:
    """A repository with a history that a test writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *words: str) -> str:
        given = {
            f"GIT_{who}_{what}": "ops@shop.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        return subprocess.run(
            ["git", *words], cwd=self.folder, env=os.environ | given, capture_output=True, text=True, check=True
        ).stdout

    def commit(self, **files: str) -> None:
        for name, content in files.items():
            path = self.folder / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    (tmp_path / "repository").mkdir()
    monkeypatch.chdir(tmp_path / "repository")
    return Repository(tmp_path / "repository")


def test_a_change_that_concentrates_traffic_is_refused(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit(edge__nginx_conf=configs.EVEN, lb__haproxy_cfg=configs.HAPROXY_EVEN, README="text")
    repository.commit(edge__nginx_conf=configs.SKEWED)
    assert main(["review", "HEAD~1", "HEAD", *QUICK, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["outcome"], found["risk"], found["unchanged"]) == ("refuse", "high", ["lb/haproxy.cfg"])
    (change,) = found["changes"]
    assert (change["before"]["verdict"], change["after"]["verdict"]) == ("even", "concentrated")
    assert [one["id"] for one in change["mistakes"]["came"]] == ["weight-skew"]
    moved = {move["server"]: move for move in change["moves"] if move["pool"] == "shop"}
    assert moved["10.20.1.11:8080"]["before"] == pytest.approx(1 / 3, abs=0.02)
    assert moved["10.20.1.11:8080"]["after"] == pytest.approx(0.98, abs=0.02)
    assert {one["rule"] for one in found["reasons"]} >= {"becomes-concentrated", "mistake-shows", "share-moves"}


def test_the_way_back_is_let_in_by_two(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit(nginx_conf=configs.SKEWED)
    (repository.folder / "nginx.conf").write_text(configs.EVEN, encoding="utf-8")
    assert main(["review", "HEAD", *QUICK]) == 1
    assert "a second person must look" in capsys.readouterr().out
    assert main(["review", "HEAD", *QUICK, "--approvals", "2", "--format", "markdown"]) == 0
    page = capsys.readouterr().out
    assert "it was concentrated, and is no more" in page
    assert "| `nginx.conf` |" in page


def test_nothing_that_changed_is_nothing_to_measure(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit(nginx__nginx_conf=configs.SKEWED, README="one")
    repository.commit(README="two")
    assert main(["review", "HEAD~1", "HEAD", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unchanged"] == ["nginx/nginx.conf"]


def test_a_refused_config_is_told_with_its_line_in_sarif(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit(edge__nginx_conf=configs.EVEN)
    repository.commit(edge__nginx_conf=configs.REFUSED)
    assert main(["review", "HEAD~1", "HEAD", *QUICK, "--format", "sarif"]) == 1
    (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert result["ruleId"] == "refused"
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "edge/nginx.conf"


def test_two_files_are_a_pair_whatever_they_are_called(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = tmp_path / "nginx.conf", tmp_path / "new" / "nginx-new.conf"
    new.parent.mkdir()
    old.write_text(configs.EVEN, encoding="utf-8")
    new.write_text(configs.EVEN.replace("location", "# moved\n location"), encoding="utf-8")
    assert main(["review", str(old), str(new), *QUICK, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["risk"], found["reasons"], len(found["changes"])) == ("none", [], 1)


def test_a_revision_brings_its_own_links_and_no_way_out(repository: Repository) -> None:
    folder = repository.folder
    (folder / "shared").mkdir()
    (folder / "shared" / "nginx.conf").write_text(configs.EVEN, encoding="utf-8")
    (folder / "shared" / "inside").symlink_to("nginx.conf")
    (folder / "shared" / "outside").symlink_to("../../secret")
    (folder / "shared" / "absolute").symlink_to("/etc/passwd")
    repository.commit()
    with open_version("HEAD") as version:
        (written,) = (path.parent for path in version.configs.values())
        assert sorted(path.name for path in written.iterdir()) == ["inside", "nginx.conf"]
        assert (written / "inside").read_text(encoding="utf-8") == configs.EVEN
    assert not written.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nosuch",), "neither a folder, nor a file, nor a revision"),
        (("--output=x",), "Unknown option"),
        (("HEAD", "--policy", "none.toml"), "cannot read the policy"),
        (("HEAD", "--clients", "mny"), "did you mean many"),
        (("HEAD", "--config", "other.conf"), "neither version has"),
    ],
)
def test_what_cannot_be_reviewed_is_said_kindly(
    repository: Repository, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit(nginx_conf=configs.EVEN)
    assert main(["review", *words]) == 2
    out, error = capsys.readouterr()
    assert (out, said in error) == ("", True)


def test_outside_a_repository_a_revision_means_nothing(tmp_path: Path) -> None:
    with pytest.raises(ManyHandsError, match="git repository"), open_version("HEAD", here=tmp_path):
        pass
