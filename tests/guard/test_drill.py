"""Drills played on twins: real balancers, real traffic, and runbooks that work, half work, and do not."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autograder.cli import main
from autograder.guard.drill.backup import read_backup
from autograder.guard.drill.play import NotPlayedError, Plan, play
from autograder.guard.drill.runbook import Runbook, Step
from autograder.inspect.config import read_config
from tests.inspect import configs

if TYPE_CHECKING:
    from autograder.guard.drill.result import Drill

ROOT = Path(__file__).resolve().parents[2]
DAY = 86_400.0
LONG = 1800.0
"""Seconds that a step may take where the test is not about that: the machine may be busy."""


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content, encoding="utf-8")
    return folder


def ran(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_a_rollback_with_a_script_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Steps share what stands before them, and one finds what another left in its folder."""
    write(tmp_path / "good", nginx_conf=configs.EVEN)
    write(tmp_path / "bad", nginx_conf=configs.SKEWED)
    script = """#!/bin/sh
    conf=$DRILL_FOLDER
    # step: revert
    date > when && cd $conf && git revert --no-edit $DRILL_BAD && git diff --quiet $DRILL_GOOD HEAD
    # step: check
    test -s when && nginx -t
    # step: load
    systemctl reload nginx
    """.replace("\n    ", "\n")
    book = write(tmp_path / "book", rollback_sh=script) / "rollback.sh"
    code, found = ran(
        [
            "drill",
            "rollback",
            "--good",
            str(tmp_path / "good"),
            "--bad",
            str(tmp_path / "bad"),
            "--runbook",
            str(book),
            "--rto",
            "1h",
            "--rate",
            "100",
            "--report",
            str(tmp_path / "report.md"),
        ],
        capsys,
    )
    assert (code, found["findings"], found["passed"]) == (0, [], True)
    assert "10.20.1.11:8080 gets" in found["noticed"] or "requests fail" in found["noticed"]
    assert [(step["name"], step["outcome"]) for step in found["steps"]] == [
        *(("revert", "done"), ("check", "done"), ("load", "done"))
    ]
    assert 0 <= found["machine_s"] == found["rto_s"]
    assert found["targets"]["rto_met"] is True
    assert "# Rollback drill: passed" in (tmp_path / "report.md").read_text()


@pytest.mark.slow
def test_a_restore_from_an_old_backup_tells_what_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "live", haproxy_cfg=configs.HAPROXY_EVEN, errors_http="HTTP/1.0 503 No\r\n\r\n")
    backup = write(tmp_path / "backup", haproxy_cfg=configs.HAPROXY_EVEN + "# older\n")
    os.utime(backup / "haproxy.cfg", (0, (backup / "haproxy.cfg").stat().st_mtime - 2 * DAY))
    toml = """
    [[step]]
    name = "somebody comes"
    takes = "10m"
    [[step]]
    name = "look around"
    run = "ls /no/such/place"
    may-fail = true
    within = "30m"
    [[step]]
    name = "restore"
    run = "cp -R $DRILL_BACKUP/. $DRILL_FOLDER/ && haproxy -c -f $DRILL_FOLDER/haproxy.cfg && systemctl start haproxy"
    within = "30m"
    """
    book = write(tmp_path / "book", restore_toml=toml) / "restore.toml"
    code, found = ran(
        [
            "drill",
            "restore",
            str(tmp_path / "live"),
            "--backup",
            str(backup),
            "--runbook",
            str(book),
            "--rto",
            "5m",
            "--rpo",
            "24h",
            "--rate",
            "40",
        ],
        capsys,
    )
    assert code == 1
    assert found["noticed"].endswith("requests fail")
    assert found["requests_lost"] > 0
    assert found["lost"] == ["errors.http is missing", "haproxy.cfg is another version"]
    assert found["rpo_s"] == pytest.approx(2 * DAY, abs=3600)
    assert found["people_s"] == 600
    assert found["rto_s"] == found["machine_s"] + 600
    assert [step["outcome"] for step in found["steps"]] == ["by-a-person", "failed", "done"]
    assert [finding.split(";")[1] for finding in found["findings"]] == [
        *(" the promise is 5 min.", " the promise is 1 d.")
    ]


def played(tmp_path: Path, *steps: str, kind: str = "restore", bad: str = configs.SKEWED, **more: Any) -> Drill:
    """A drill of the even nginx with a good backup; it is soon given up."""
    good = read_config(write(tmp_path / "good", nginx_conf=configs.EVEN) / "nginx.conf")
    worse = read_config(write(tmp_path / "bad", nginx_conf=bad) / "nginx.conf")
    backup = read_backup(write(tmp_path / "backup", nginx_conf=configs.EVEN))
    book = Runbook("book", tuple(Step(f"step {number}", run, within_s=LONG) for number, run in enumerate(steps, 1)), {})
    plan = Plan("restore", good, None, backup, book, rate=100.0, patience=4)
    if kind == "rollback":
        plan = replace(plan, kind="rollback", bad=worse, backup=None)
    return play(replace(plan, **more), lambda _: None)


@pytest.mark.slow
def test_a_runbook_that_breaks_off_leaves_users_alone(tmp_path: Path) -> None:
    # the broken config is refused, so nothing after that is done
    found = played(
        tmp_path,
        "cp $DRILL_BACKUP/nginx.conf $DRILL_FOLDER && echo '}' >> $DRILL_FOLDER/nginx.conf",
        "nginx -t",
        "true",
    )
    assert found.exit_code == 1
    assert (found.machine_s, found.rto_s) == (None, None)
    assert [step.outcome for step in found.steps] == ["done", "failed", "not-reached"]
    assert "unexpected" in found.steps[1].said
    assert found.findings[0].startswith("Users are not served as before: ")
    assert "nginx is not running." in found.findings


@pytest.mark.slow
def test_mending_what_runs_and_not_what_lies_there_is_no_rollback(tmp_path: Path) -> None:
    """Users are served, and the next reload will bring the bad version back."""
    found = played(
        tmp_path,
        "cd $DRILL_FOLDER && git checkout --quiet $DRILL_GOOD -- . && systemctl reload nginx",
        "cd $DRILL_FOLDER && git checkout --quiet $DRILL_BAD -- .",
        kind="rollback",
        patience=80,
    )
    assert found.machine_s is not None
    assert found.exit_code == 1
    assert found.findings == (
        "What runs is not what lies on disk: the next reload will bring another config.",
        "On disk nginx.conf is another version.",
    )


@pytest.mark.slow
def test_a_runbook_sees_nothing_of_the_machine_it_runs_on_and_ends_in_time(tmp_path: Path) -> None:
    """What it is given can be read; the drill's own files, and the way out, are not there."""
    look = f'test -s $DRILL_BACKUP/nginx.conf; test ! -e {tmp_path}; test ! -e {ROOT}; test -z "$MANYHANDS_HOME"'
    steps = (
        Step("look", look, within_s=LONG),
        Step("leave", "! curl --silent --max-time 5 http://192.0.2.1/", within_s=LONG),
        Step("wait", "while true; do sleep 0.1; done", within_s=0.5),
    )
    found = played(tmp_path, runbook=Runbook("book", steps, {}))
    assert [step.outcome for step in found.steps] == ["done", "done", "too-long"]
    assert found.exit_code == 1


@pytest.mark.docker
@pytest.mark.slow
def test_both_kinds_are_drilled_on_docker_as_well(tmp_path: Path) -> None:
    back = played(
        tmp_path / "rollback",
        "cd $DRILL_FOLDER && git revert --no-edit HEAD && nginx -t && systemctl reload nginx",
        kind="rollback",
        engine="docker",
        patience=80,
    )
    assert (back.findings, [step.outcome for step in back.steps]) == ((), ["done"])
    again = played(
        tmp_path / "restore",
        "cp $DRILL_BACKUP/nginx.conf $DRILL_FOLDER && systemctl start nginx",
        engine="docker",
        patience=80,
    )
    assert (again.findings, again.lost, [step.outcome for step in again.steps]) == ((), (), ["done"])
    assert again.requests_lost > 0 < (again.rto_s or 0)


def test_a_version_that_does_no_harm_is_nothing_to_roll_back_from(tmp_path: Path) -> None:
    with pytest.raises(NotPlayedError, match="served as before") as caught:
        played(tmp_path, "true", kind="rollback", bad=configs.EVEN + "# a comment\n")
    assert caught.value.exit_code == 2


def test_a_version_that_is_refused_never_meets_a_user(tmp_path: Path) -> None:
    with pytest.raises(NotPlayedError, match="does not take the bad version") as caught:
        played(tmp_path, "true", kind="rollback", bad=configs.REFUSED)
    assert "sevrer" in caught.value.why


def test_a_config_that_serves_nobody_is_not_drilled(tmp_path: Path) -> None:
    dead = configs.nginx("server 10.20.1.11:8080;", "return 503;")
    config = read_config(write(tmp_path / "dead", nginx_conf=dead) / "nginx.conf")
    with pytest.raises(NotPlayedError, match="not served by this config"):
        played(tmp_path, "true", good=config)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("restore", "nginx.conf"), "needs something to restore from"),
        (("rollback", "nginx.conf"), "needs a version to roll back from"),
        (("restore", "nginx.conf", "--backup", ".", "--bad", "x"), "--bad is for a rollback"),
        (("rollback", "nginx.conf", "--bad", "nginx.conf", "--rpo", "1h"), "--rpo is for a restore"),
        (("rollback", "nginx.conf", "--good", "nginx.conf", "--bad", "x"), "named twice"),
        (("restore", "--backup", "."), "which config users are served by"),
        (("restore", "nginx.conf", "--backup", ".", "--rto", "soon"), "no length of time"),
        (("restore", "nginx.conf", "--backup", ".", "--rate", "3"), "--rate is 20 to 500"),
        (("rollback", "nginx.conf", "--bad", "haproxy.cfg"), "the good version is nginx's"),
        (("restore", "empty", "--backup", "."), "a drill is of one config"),
        (("restore", "nothing", "--backup", "."), "neither a folder"),
    ],
)
def test_what_cannot_be_drilled_is_said_in_a_few_lines(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path, nginx_conf=configs.EVEN, haproxy_cfg=configs.HAPROXY_EVEN, book_sh="true\n")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert main(["drill", *words, "--runbook", "book.sh"]) == 2
    seen = capsys.readouterr()
    assert seen.out == ""
    assert said in seen.err or "no git repository" in seen.err
    assert len(seen.err.splitlines()) <= 4


def test_without_a_runbook_an_example_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "rollback"]) == 0
    assert "systemctl reload nginx" in capsys.readouterr().out
    write(tmp_path, haproxy_cfg=configs.HAPROXY_EVEN)
    assert main(["drill", "restore", str(tmp_path)]) == 0
    assert "systemctl start haproxy" in capsys.readouterr().out


def test_a_report_that_cannot_be_written_is_said_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "no" / "report.md")
    assert main(["drill", "restore", "x", "--backup", "x", "--runbook", "x.sh", "--report", nowhere]) == 2
    assert "the report cannot be written" in capsys.readouterr().err
