"""A lab as a learner has it: predict, send, edit, apply, check, roll back; and what it remembers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from autograder.errors import ManyHandsError
from autograder.labs.catalogue import load_lab
from autograder.labs.handed_out import OWN_NOTE, own_note
from autograder.labs.lab import Variant
from autograder.labs.verdict import Outcome
from autograder.notebook import LabSession, open_lab
from autograder.notebook.logbook import Logbook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAB = load_lab("spread-the-load")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabSession]:
    folder = tmp_path / "spread-the-load"
    folder.mkdir()
    session = open_lab(folder=folder)
    yield session
    session.close()


def test_from_prediction_to_mend(lab: LabSession) -> None:
    lab.predict(app1=25, app2=25, app3=25, app4=25)
    seen = lab.send(requests=100)
    assert seen.sample.shares() == {"app4": 1.0} or len(seen.sample.shares()) == 1
    assert "predicted 25%" in repr(seen)
    assert "too much" in seen._repr_html_()
    assert lab.check("spread").verdict.outcome is Outcome.FAILED
    mended = LAB.read(LAB.reference)["conf/nginx.conf"]
    (lab.folder / "conf/nginx.conf").write_bytes(mended)
    assert lab.apply().applied.ok
    assert len(lab.send(requests=100).sample.shares()) == 4
    assert lab.check("spread").verdict.outcome is Outcome.PASSED
    lab.roll_back()
    assert (lab.folder / "conf/nginx.conf").read_bytes() == LAB.read(LAB.start)["conf/nginx.conf"]
    assert len(lab.send(requests=100).sample.shares()) == 1
    what = [entry.what for entry in lab.history().entries]
    assert what == [
        "apply", "predict", "send many", "check spread", "apply", "send many", "check spread", "roll back", "send many",
    ]  # fmt: skip


def test_a_broken_config_changes_nothing_that_runs(lab: LabSession) -> None:
    (lab.folder / "conf/nginx.conf").write_text("events {\n  nonsense;\n}\n", encoding="utf-8")
    view = lab.apply()
    assert not view.applied.ok
    assert "nginx.conf:2" in repr(view)
    assert "nginx.conf:2" in lab.check_syntax()
    assert lab.send(requests=20).sample.failed == 0


def test_a_crash_is_seen_and_mended_by_a_restart_of_each_server(lab: LabSession) -> None:
    seen = lab.send(requests=400, checkout=True)
    assert "crashed" in repr(seen)
    assert any(state.startswith("down (exit code 137") for state in lab.servers().values())
    for name in lab.servers():
        lab.restart(name)
    assert set(lab.servers().values()) == {"up"}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda lab: lab.send(clients="mny"), "did you mean 'many'?"),
        (lambda lab: lab.send(requests=0), "from 1 to 5000"),
        (lambda lab: lab.send(through="lb2"), "did you mean 'lb'?"),
        (lambda lab: lab.check("spred"), "did you mean 'spread'?"),
        (lambda lab: lab.predict(app1=50), "make 50 %"),
        (lambda lab: lab.predict(web1=50), "no server called 'web1'"),
        (lambda lab: lab.kill("app9"), "app1, app2, app3, app4"),
        (lambda lab: lab.logs("app9"), "no node called"),
    ],
)
def test_a_slip_is_answered_with_what_would_work(lab: LabSession, call: object, says: str) -> None:
    with pytest.raises(ManyHandsError) as caught:
        call(lab)  # type: ignore[operator]
    assert says in str(caught.value)


def test_of_two_balancers_one_sends_through_the_one_it_names(tmp_path: Path) -> None:
    session = open_lab("one-address", folder=tmp_path)
    try:
        assert session.send(requests=20, through="phones").sample.failed == 0
        session.running.machines.kill("phones")
        assert session.send(requests=20, through="phones").sample.failed == 20
        assert session.send(requests=20).sample.failed == 0
        said = [entry.what for entry in session.history().entries]
        assert said[-3:] == ["send many through phones", "send many through phones", "send many"]
    finally:
        session.close()


def test_all_checks_at_once_and_words_as_a_notebook_shows_them(lab: LabSession) -> None:
    views = lab.check()
    assert [view.verdict.check for view in views.views] == [check.name for check in LAB.checks]
    earned = sum(view.verdict.points for view in views.views)
    assert repr(views).endswith(f"{earned:g} of {LAB.points:g} points")
    assert views._repr_html_().count("<section") == len(LAB.checks)
    said = lab.slow("app1")
    assert repr(said) == str(said) == "app1 takes 10 times as long; lab.bring_back('app1') heals it"
    assert lab.log()._repr_html_().startswith("<pre>")
    assert repr(lab.diff()) == "the same as what runs"
    (lab.folder / "conf/nginx.conf").write_bytes(LAB.read(LAB.reference)["conf/nginx.conf"])
    assert "+++ as saved: nginx.conf" in repr(lab.diff())
    assert lab.hint("spread")._repr_html_().count("hint 2 of 3") == 1  # the first came with the verdict


def test_reset_keeps_the_learners_version(lab: LabSession) -> None:
    mine = lab.folder / "conf/nginx.conf"
    mine.write_bytes(mine.read_bytes() + b"# mine\n")
    lab.reset()
    assert mine.read_bytes() == LAB.read(LAB.start)["conf/nginx.conf"]
    assert (lab.folder / "conf/nginx.conf.mine").read_bytes().endswith(b"# mine\n")


def test_opening_again_closes_the_first_and_remembers(lab: LabSession) -> None:
    lab.predict(app1=20, app2=20, app3=20, app4=40)
    second = open_lab(folder=lab.folder)
    try:
        with pytest.raises(ManyHandsError, match="stopped"):
            lab.servers()
        assert json.loads((second.folder / "answers.json").read_text())["shares"]["app4"] == 0.4
        assert [entry.what for entry in second.history().entries][:2] == ["apply", "predict"]
    finally:
        second.close()


def test_attempts_count_from_the_last_success(tmp_path: Path) -> None:
    logbook = Logbook(tmp_path)
    for result in ("failed", "passed", "failed", "failed"):
        logbook.write("check spread", result)
    with (tmp_path / ".lab/history.jsonl").open("a", encoding="utf-8") as file:
        file.write("not json\n")
    assert logbook.attempts("spread") == 2
    assert logbook.attempts("office") == 0


def test_damaged_answers_lose_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text("{broken")
    logbook = Logbook(tmp_path)
    assert logbook.predictions() == {}
    logbook.predict("shares", {"app1": 1.0})
    assert logbook.predictions() == {"shares": {"app1": 1.0}}


def test_a_learner_works_on_their_own_variant(tmp_path: Path) -> None:
    variant = Variant("s", "ann")
    mine = load_lab("spread-the-load", variant)
    assert mine.stack != LAB.stack
    folder = tmp_path / "spread-the-load"
    (folder / ".lab").mkdir(parents=True)
    (folder / OWN_NOTE).write_bytes(own_note(variant))
    session = open_lab(folder=folder)
    try:
        names = [server.name for server in mine.stack.servers]
        assert list(session.servers()) == names
        start = mine.read(mine.start)["conf/nginx.conf"]
        assert (folder / "conf/nginx.conf").read_bytes() == start
        session.predict(**{name: 100 / len(names) for name in names})
        assert session.check("starts").verdict.outcome is Outcome.PASSED
        (folder / "conf/nginx.conf").write_bytes(mine.read(mine.reference)["conf/nginx.conf"])
        assert session.apply().applied.ok
        assert set(session.send(requests=100).sample.shares()) == set(names)
        session.reset()
        assert (folder / "conf/nginx.conf").read_bytes() == start
    finally:
        session.close()
