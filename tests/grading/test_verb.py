"""`./manyhands grade` as it is typed."""

from __future__ import annotations

import io
import json
import sys

import pytest

from autograder import cli
from autograder.grading.batch import grade
from autograder.grading.regrade import Change
from autograder.grading.settings import Places
from autograder.verbs.teaching import _agree
from tests.grading import judges
from tests.grading.course import LAB, hand_in

pytestmark = pytest.mark.usefixtures("same_folder")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--jobs", "-1"], "--jobs -1 makes no sense"),
        (["--jobs", "2", "--cluster", "tcp://127.0.0.1:1"], "leave one out"),
        (["--history"], "whose history?"),
        (["no-such-lab", "--student", "bob", "--history"], "there is no lab called"),
    ],
)
def test_what_makes_no_sense_is_said_so(
    words: list[str],
    says: str,
    tmp_path: object,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MANYHANDS_HOME", str(tmp_path))
    assert cli.main(["grade", *words]) == 2
    assert says in capsys.readouterr().err


def test_history_is_shown(places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MANYHANDS_HOME", str(places.home))
    assert cli.main(["grade", LAB, "--student", "bob", "--history"]) == 1
    assert "Nothing was judged" in capsys.readouterr().out
    hand_in(places, "bob", b"good")
    grade(places.home, [LAB], jobs=1, ask=judges.by_word)
    assert cli.main(["grade", LAB, "--student", "bob", "--history"]) == 0
    assert "10/10" in capsys.readouterr().out
    assert cli.main(["grade", LAB, "--student", "bob", "--history", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["records"]
    assert (row["student"], row["points"], row["written"]) == ("bob", 10.0, True)


@pytest.mark.parametrize(
    ("typed", "agrees"), [("y\n", True), ("yes\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_a_change_is_shown_before_it_is_asked_about(
    typed: str, agrees: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert _agree([Change(LAB, "bob", "peak", 2.0, 0.0)]) is agrees
    said = capsys.readouterr().err
    assert said.index("bob  peak  2 → 0") < said.index("Write these grades? [y/N]")
