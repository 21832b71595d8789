"""What module 8 says about git and about what a balancer runs, tried."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.facts.shop import lines, nginx, open_shop

MODULE = Path(__file__).parents[2] / "course/modules/08-rollback"
VERSIONS = {
    "c1": ["app1", "app2", "app3", "# certificate old"],
    "c2": ["app1", "app2", "app3", "app4", "# certificate old"],
    "c3": ["hash", "app1", "app2", "app3", "app4", "# certificate old"],
    "c4": ["hash", "app1", "app2", "app3", "app4", "# certificate new"],
}
ENVIRONMENT = {
    **os.environ, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
    "LC_ALL": "C",
}  # fmt: skip


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A repository with the four versions of the page; tags are their names."""
    git(tmp_path, "init", "--quiet")
    for name, text in VERSIONS.items():
        # Far enough apart for git to see two changes in two places.
        (tmp_path / "nginx.conf").write_text("\n\n\n".join(text) + "\n")
        git(tmp_path, "add", "nginx.conf")
        git(tmp_path, "commit", "--quiet", "-m", name)
        git(tmp_path, "tag", name)
    return tmp_path


def git(folder: Path, *words: str, fine: bool = True) -> str:
    done = subprocess.run(["git", *words], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is fine, done.stdout + done.stderr
    return done.stdout + done.stderr


def text_of(folder: Path) -> list[str]:
    return (folder / "nginx.conf").read_text().split()


def test_reset_undoes_the_certificate_and_the_proof(history: Path) -> None:
    git(history, "reset", "--quiet", "--hard", "c2")
    assert "old" in text_of(history)
    assert git(history, "log", "--format=%s").split() == ["c2", "c1"]


def test_revert_undoes_one_change(history: Path) -> None:
    git(history, "revert", "--no-edit", "c3")
    assert "hash" not in text_of(history)
    assert {"app4", "new"} <= set(text_of(history))
    assert git(history, "log", "--format=%s").splitlines() == ['Revert "c3"', "c4", "c3", "c2", "c1"]


def test_a_second_revert_finds_nothing_to_do(history: Path) -> None:
    git(history, "revert", "--no-edit", "c3")
    said = git(history, "revert", "--no-edit", "c3", fine=False)
    assert "nothing to commit" in said
    assert "hash" not in text_of(history)


def test_the_one_before_is_wrong_the_second_time(history: Path) -> None:
    git(history, "revert", "--no-edit", "c4")
    git(history, "reset", "--quiet", "--hard", "c3")
    for _ in range(2):
        git(history, "checkout", "HEAD~1", "--", "nginx.conf")
        git(history, "commit", "--quiet", "-m", "go back")
    assert "hash" in text_of(history)


def test_a_conflict_is_told_and_can_be_left(history: Path) -> None:
    (history / "nginx.conf").write_text((history / "nginx.conf").read_text().replace("hash", "hash consistent"))
    git(history, "commit", "--quiet", "-am", "c5")
    said = git(history, "revert", "--no-edit", "c3", fine=False)
    assert "CONFLICT (content): Merge conflict in nginx.conf" in said
    git(history, "revert", "--abort")
    assert "consistent" in text_of(history)


def test_a_refused_reload_serves_the_old_config_and_says_so_in_the_log_only() -> None:
    with open_shop("nginx") as shop:
        assert shop.running.apply({"nginx.conf": nginx(f"hash $request_method;\n{lines()}").encode()}).ok
        machines = shop.running.machines
        machines.put("lb", "/etc/nginx", {"nginx.conf": nginx(lines()).replace("listen 80;", "listen 80").encode()})
        before = machines.logs("lb").count("[emerg]")
        machines.kill("lb", "HUP")
        crowd = population("many")
        sample = send(shop.running, crowd, crowd.browse(200), concurrency=4)
        assert sample.failed == 0
        assert max(sample.shares().values()) == 1
        assert machines.logs("lb").count("[emerg]") > before
    assert "all 200 requests" in (MODULE / "verify.md").read_text(encoding="utf-8")
