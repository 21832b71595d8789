"""The parts of a drill that need no stack: lengths of time, runbooks, stretches of traffic, backups, the judgement."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.errors import ManyHandsError
from autograder.guard.drill.backup import Backup, differences, read_backup
from autograder.guard.drill.durations import in_words, seconds
from autograder.guard.drill.examples import example
from autograder.guard.drill.report import markdown, text
from autograder.guard.drill.result import Drill, StepDone, Targets
from autograder.guard.drill.runbook import RunbookError, read_runbook
from autograder.guard.drill.window import ENOUGH, Before, Slice, Stretch, in_order, seen_before
from autograder.judge.rollback import Failures
from autograder.traffic.sample import Fate, Sample

DAY = 86_400.0


def sample(counts: dict[str, int], failed: int = 0, failure: str = "refused") -> Sample:
    """Answers of each server, and failures."""
    fates = [Fate(0, "198.19.1.1", 200, "", 1.0, name) for name, count in counts.items() for _ in range(count)]
    fates += [Fate(0, "198.19.1.1", 0, failure, 1.0, "") for _ in range(failed)]
    return Sample("many", "people", tuple(fates), 0.5)


EVEN = {"a": 17, "b": 17, "c": 16}
BEFORE = seen_before([sample({"a": 100, "b": 100, "c": 100})])


def stretch_of(*samples: Sample, before: Before = BEFORE) -> Stretch:
    stretch = Stretch(before)
    for number, one in enumerate(samples):
        stretch.add(Slice(float(number), one))
    return stretch


@pytest.mark.parametrize(("words", "length"), [("90s", 90), ("5m", 300), ("1.5 h", 5400), ("2D", 2 * DAY)])
def test_lengths_of_time(words: str, length: float) -> None:
    assert seconds(words) == length


@pytest.mark.parametrize("words", ["", "5", "m", "-5m", "0s", "5 minutes", "99999d", "nan s"])
def test_what_is_no_length_of_time(words: str) -> None:
    with pytest.raises(ManyHandsError, match="is no length of time"):
        seconds(words, "--rto")


def test_lengths_in_words() -> None:
    assert [in_words(length) for length in (0.04, 59.9, 60, 125, 7200, DAY * 3 + 3700)] == [
        *("0.0 s", "59.9 s", "1 min", "2 min 5 s", "2 h", "3 d 1 h")
    ]


@pytest.mark.parametrize("kind", ["rollback", "restore"])
@pytest.mark.parametrize("proxy", ["nginx", "haproxy"])
def test_an_example_is_a_runbook(kind: str, proxy: str, tmp_path: Path) -> None:
    (tmp_path / "runbook.toml").write_text(example(kind, proxy))
    steps = read_runbook(tmp_path / "runbook.toml").steps
    assert len(steps) == 4
    assert steps[0].takes_s >= 180
    assert proxy in steps[-1].run
    assert steps[-1].within_s == 30


def test_a_script_is_cut_into_steps_that_share_what_stands_before_them(tmp_path: Path) -> None:
    script = "#!/bin/bash\r\nsay() { echo $1; }\r\n\r\n# step: one thing\r\nsay 1\r\n## Step: another\r\nsay 2\r\n"
    (tmp_path / "book.sh").write_bytes(script.encode())
    (tmp_path / "more.txt").write_text("beside it")
    book = read_runbook(tmp_path / "book.sh")
    assert [(step.name, step.shell) for step in book.steps] == [("one thing", "bash"), ("another", "bash")]
    assert all("say() { echo $1; }" in step.run for step in book.steps)
    assert ["say 1" in step.run for step in book.steps] == [True, False]
    assert book.files["more.txt"] == b"beside it"


def test_a_script_without_steps_is_one(tmp_path: Path) -> None:
    (tmp_path / "restore.sh").write_text("cp a b\n")
    (step,) = read_runbook(tmp_path / "restore.sh").steps
    assert (step.name, step.run, step.shell) == ("restore.sh", "cp a b\n", "sh")


@pytest.mark.parametrize(
    ("content", "said", "where"),
    [
        ("[[step]\n", "this is not TOML", "book.toml:1"),
        ("step = 1\n", "list of tables", "book.toml"),
        ("steps = []\n", "no 'steps'", "book.toml"),
        ("", "1 to 100 steps", "book.toml"),
        ("[[step]]\nrun = 'x'\n", "no name", "step 1"),
        ("[[step]]\nname = 'x'\n", "either runs commands or takes", "step 1"),
        ("[[step]]\nname = 'x'\nrun = 'x'\ntakes = '1m'\n", "either runs commands or takes", "step 1"),
        ("[[step]]\nname = 'x'\nrun = 'y'\n[[step]]\nname = 'x'\nrunn = 'y'\n", "no 'runn'", "step 2"),
        ("[[step]]\nname = 'x'\nrun = 7\n", "run is a text", "step 1"),
        ("[[step]]\nname = 'x'\nrun = 'y'\nwithin = 'soon'\n", "no length of time", "step 1"),
        ("[[step]]\nname = 'x'\nrun = 'y'\nwithin = '2h'\n", "an hour at most", "step 1"),
        ("[[step]]\nname = 'x'\ntakes = '2m'\n", "runs anything", "book.toml"),
    ],
)
def test_a_runbook_that_cannot_be_followed_is_said_with_its_place(
    content: str, said: str, where: str, tmp_path: Path
) -> None:
    (tmp_path / "book.toml").write_text(content)
    with pytest.raises(ManyHandsError, match=said) as caught:
        read_runbook(tmp_path / "book.toml")
    assert where in caught.value.where


def test_a_runbook_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunbookError, match="cannot be read"):
        read_runbook(tmp_path / "none.toml")
    (tmp_path / "odd.sh").write_bytes(b"\xff\xfe")
    with pytest.raises(RunbookError, match="not UTF-8"):
        read_runbook(tmp_path / "odd.sh")
    (tmp_path / "gap.sh").write_text("# step: one\n# nothing\n# step: two\nls\n")
    with pytest.raises(RunbookError, match="'one' has no commands"):
        read_runbook(tmp_path / "gap.sh")


def test_the_clock_stops_where_a_stretch_begins_that_is_well() -> None:
    out, one = sample({}, 50), sample({"a": 50})
    well = [sample(EVEN)] * 8
    stretch = stretch_of(out, one, *well)
    assert stretch.since == 2.0
    assert "a gets 100%" in stretch.trouble
    assert stretch_of(out, *well[:2]).since is None  # too few to prove anything
    again = stretch_of(out, *well, out, *well)
    assert again.since == 10.0
    assert stretch_of(*well, out).since is None


def test_what_is_bad() -> None:
    assert stretch_of(sample({"a": 40, "b": 5, "c": 5})).trouble.startswith("a gets 80%")
    before = seen_before([sample({"a": 150, "b": 100, "c": 50})])
    assert stretch_of(*[sample({"a": 36, "b": 24})] * 3, before=before).trouble == "c gets nothing"
    assert "reach servers that had none before" in stretch_of(sample({"x": 50})).trouble
    assert stretch_of(sample(EVEN, 20)).trouble == "20 of 70 requests fail"
    # few in each slice, and too many in all
    assert "requests fail" in stretch_of(*[sample(EVEN, 3)] * 10).trouble
    assert stretch_of(*[sample(EVEN)] * 8).trouble == ""


def test_as_well_as_before_is_well_even_if_it_was_uneven_and_lost_some() -> None:
    before = seen_before([sample({"a": 285, "b": 15}, 30)])
    stretch = stretch_of(*[sample({"a": 57, "b": 3}, 6)] * 40, before=before)
    assert (stretch.trouble, stretch.since) == ("", 0.0)


def test_many_servers_need_no_proof_for_each() -> None:
    names = [f"s{number}" for number in range(100)]
    before = seen_before([sample(dict.fromkeys(names, 9))])
    slices = [sample(dict.fromkeys(names[number::2], 1)) for number in range(2)] * (ENOUGH // 100 + 2)
    assert stretch_of(*slices, before=before).since == 0.0
    assert stretch_of(*slices[:6], before=before).since is None


def test_slices_without_requests_tell_nothing_and_late_answers_are_the_machines_business() -> None:
    nothing = sample({})
    assert stretch_of(nothing, *[sample(EVEN)] * 8, nothing).since == 1.0
    assert stretch_of(*[sample(EVEN, 8, "timeout")] * 8).since == 0.0
    assert stretch_of(sample(EVEN, 40, "timeout")).trouble == "40 of 90 requests fail"


def test_slices_are_shown_in_order_and_a_gap_is_waited_for_a_while() -> None:
    slices = [Slice(start, sample(EVEN)) for start in (1.5, 0.0, 0.5)]
    assert [one.start for one in in_order(slices, 0.5, now=2.0, patience=7.0)] == [0.0, 0.5]
    assert [one.start for one in in_order(slices, 0.5, now=9.0, patience=7.0)] == [0.0, 0.5, 1.5]
    assert in_order([], 0.5, 0.0, 7.0) == ()


def test_a_backup_is_as_old_as_what_was_restored_from_it(tmp_path: Path) -> None:
    for name, content, age in (("old/nginx.conf", "old", 3), ("new/nginx.conf", "new", 1), ("new/empty", "", 0)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
        os.utime(tmp_path / name, (0, 1_700_000_000 - age * DAY))
    (tmp_path / "link").symlink_to("/etc/hostname")
    backup = read_backup(tmp_path)
    assert set(backup.files) == {"old/nginx.conf", "new/nginx.conf", "new/empty"}
    assert backup.newest == 1_700_000_000
    assert backup.saved({"nginx.conf": b"old", "x": b""}) == 1_700_000_000 - 3 * DAY
    assert backup.saved({"nginx.conf": b"new", "other": b"old"}) == 1_700_000_000 - DAY
    assert backup.saved({"nginx.conf": b"from an archive"}) == backup.newest


def test_a_backup_in_git_is_as_old_as_its_newest_commit(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = {f"GIT_{role}_{key}": "ops@shop.example" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        dates = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
        subprocess.run(["git", "-C", str(tmp_path), *words], env=os.environ | who | dates, check=True)

    git("init", "--quiet")
    (tmp_path / "nginx.conf").write_text("x")
    git("add", "--all")
    git("commit", "--quiet", "--message", "save")
    backup = read_backup(tmp_path)
    assert backup.newest == backup.saved({"nginx.conf": b"x"}) == 1_700_000_000
    assert ".git/HEAD" in backup.files


def test_a_backup_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ManyHandsError, match="is empty"):
        read_backup(tmp_path)
    with pytest.raises(ManyHandsError, match="is no folder"):
        read_backup(tmp_path / "none")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(17 << 20)
    with pytest.raises(ManyHandsError, match="larger than 16 MiB"):
        read_backup(tmp_path)


def test_what_a_restore_did_not_bring_back() -> None:
    wanted = {"a": b"1", "b": b"2", "c": b"3"}
    assert differences(wanted, {**wanted, "extra": b"x"}) == ()
    assert differences(wanted, {"a": b"1", "c": b"other"}) == ("b is missing", "c is another version")
    assert Backup({"a": b""}, {"a": 5.0}).saved({"a": b""}) == 5.0


FINE = Drill(
    kind="restore",
    config="nginx.conf",
    proxy="nginx",
    runbook="book.toml",
    steps=(StepDone("call", "by-a-person", 1.0, 300.0), StepDone("copy", "done", 1.0, 0.5, 0)),
    noticed="50 of 50 requests fail",
    noticed_s=1.0,
    machine_s=2.0,
    people_s=300.0,
    requests=500,
    requests_lost=200,
    still="",
    differs=(),
    lost=(),
    saved="2026-03-01 10:50 UTC",
    age_s=7200.0,
    targets=Targets(600, 3600),
    rate=100.0,
    slice_s=0.5,
)


def test_a_drill_that_kept_its_promises_is_passed() -> None:
    assert (FINE.rto_s, FINE.rpo_s, FINE.findings, FINE.exit_code) == (302.0, 0.0, (), 0)
    assert FINE.to_dict()["targets"] == {"rto_s": 600, "rpo_s": 3600, "rto_met": True, "rpo_met": True}
    assert "5 min 2 s, of them 5 min of people's time (the promise: 10 min)" in "\n".join(text(FINE))


@pytest.mark.parametrize(
    ("drill", "said"),
    [
        (replace(FINE, targets=Targets(rto_s=60)), "It took 5 min 2 s; the promise is 1 min."),
        (replace(FINE, lost=("a is missing",)), "What was restored is 2 h old; the promise is 1 h."),
        (replace(FINE, machine_s=None, still="all fail"), "Users are not served as before: all fail."),
        (replace(FINE, differs=("On disk a is missing",)), "On disk a is missing."),
        (replace(FINE, steps=(StepDone("copy", "failed", 1, 1, 1),)), "The step 'copy' failed."),
        (replace(FINE, steps=(StepDone("copy", "too-long", 1, 1),)), "The step 'copy' took longer than it may"),
        (replace(FINE, steps=(StepDone("copy", "not-reached", 1, 0),)), "The step 'copy' was not reached."),
    ],
)
def test_what_is_not_as_it_should_be_is_said_everywhere(drill: Drill, said: str) -> None:
    assert drill.exit_code == 1
    assert any(said in one for one in drill.findings)
    assert said in "\n".join(text(drill))
    assert "# Restore drill: not passed" in markdown(drill)


def test_nothing_lost_is_no_loss_however_old_and_a_step_may_fail() -> None:
    assert replace(FINE, age_s=9 * DAY).findings == ()
    assert replace(FINE, lost=("a is missing",), targets=Targets()).findings == ()
    assert replace(FINE, steps=(StepDone("look", "failed", 1, 1, 1, may_fail=True),)).findings == ()


def test_what_a_runbook_writes_is_text_in_a_report() -> None:
    step = StepDone("<b>|x", "failed", 1.0, 1.0, 1, "\x1b[2J\n# not a heading")
    page = markdown(replace(FINE, steps=(step,), notes=("[a](b)",)))
    assert "\x1b" not in page
    assert "<b>" not in page
    assert "\n# not a heading" not in page
    assert r"\[a\]\(b\)" in page
    assert "\x1b" not in "".join(text(replace(FINE, steps=(step,))))


def test_toml_of_the_examples_is_what_it_looks_like() -> None:
    assert tomllib.loads(example("restore"))["step"][1]["run"] == "cp -R $DRILL_BACKUP/. $DRILL_FOLDER/"
    assert Failures(300, 0) == BEFORE.failures


def test_the_runbooks_on_the_page_are_runbooks(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "course" / "reference" / "drill.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(toml|sh)\n(.*?)```", page, re.S)
    books = [(kind, text) for kind, text in blocks if "[[step]]" in text or "# step:" in text]
    assert [kind for kind, _ in books] == ["toml", "sh"]
    for kind, content in books:
        (tmp_path / f"book.{kind}").write_text(content)
        assert len(read_runbook(tmp_path / f"book.{kind}").steps) in (3, 4)
