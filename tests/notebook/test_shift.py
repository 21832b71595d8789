"""A shift on call: the clock of the story, the record, and one shift on a real stack that is left and gone on with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from autograder.errors import ManyHandsError
from autograder.labs.kinds.oncall_record import FILE, Action, read_record
from autograder.notebook import open_lab, take_shift
from autograder.notebook.shift_clock import StoryClock
from autograder.notebook.shift_desk import INJECTED
from autograder.notebook.shift_record import Aside, Record, events_in
from autograder.notebook.terminal.on_call import WORDS, OnCall, pane
from autograder.stack.procfs import wait_until

if TYPE_CHECKING:
    from pathlib import Path


def test_story_time_goes_fast_stands_still_and_ends() -> None:
    now = 100.0
    clock = StoryClock(4.0, 7200.0, lambda: now)
    assert clock.now() == 0.0
    clock.run(60.0)
    now = 110.0
    assert clock.now() == 100.0
    clock.stand()
    now = 500.0
    assert clock.now() == 100.0
    clock.run(clock.now())
    now = 5000.0
    assert (clock.now(), clock.over) == (7200.0, True)


def test_a_record_outlives_a_kernel_that_was_killed_in_the_middle_of_a_line(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.write(Action(0.0, "begin", {"world": "w"}))
    record.note(Aside(3.0, "wrote", {"who": "Support", "text": "How long?"}))
    with record.path.open("a") as file:
        file.write('{"at": 5.0, "do": "te')
    again = Record(tmp_path)
    again.write(Action(9.0, "escalate"))
    assert [one.do for one in read_record(record.path.read_bytes())] == ["begin", "escalate"]
    assert again.actions == read_record(record.path.read_bytes())
    assert again.asides[0].words["text"] == "How long?"
    again.put_away()
    assert (again.actions, record.path.read_bytes()) == ((), b"")
    assert len(read_record((tmp_path / "shift-1.jsonl").read_bytes())) == 2
    assert Record(tmp_path).asides == ()


def test_a_record_that_somebody_else_wrote_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"at": 5, "do": "dance"}\n')
    assert "line 1" in Record(tmp_path).trouble


def test_only_whole_lines_are_an_instructor_s_events(tmp_path: Path) -> None:
    path = tmp_path / INJECTED
    assert events_in(path, 0) == []
    path.write_text('{"who": "Press", "text": "?"}\nnonsense\n{"kill": "app2"}\n{"who": "half')
    assert events_in(path, 0) == [{"who": "Press", "text": "?"}, {"kill": "app2"}]
    assert events_in(path, 1) == [{"kill": "app2"}]


def test_nobody_is_on_call_in_another_lab(tmp_path: Path) -> None:
    lab = open_lab("spread-the-load", folder=tmp_path)
    try:
        with pytest.raises(ManyHandsError, match="nobody is on call"):
            take_shift(lab)
    finally:
        lab.close()


def test_a_shift_is_done_left_and_gone_on_with(tmp_path: Path) -> None:
    lab = open_lab("first-of-march", folder=tmp_path)
    shift = take_shift(lab)
    try:
        with pytest.raises(ManyHandsError, match="has not begun"):
            shift.tell("Hello?")
        assert [name for name, state in lab.servers().items() if state != "up"] == [shift.world.spare]
        cause, alone = shift.world.cause.name, shift.world.alone
        assert alone in shift.begin()  # it fell over, for everybody is sent to it
        assert "100% of the pages fail" in shift.restart(alone)
        assert cause in shift.history()
        assert "\n+" in shift.change(cause)
        with pytest.raises(ManyHandsError, match="there is no balancer"):
            shift.reload("lb7")
        shift.revert(cause, "all on one machine")
        assert (tmp_path / "conf/haproxy.cfg").read_text() == shift.stage.repository.config
        assert "50% of the pages fail" in shift.reload("lb1")
        (tmp_path / INJECTED).write_text('{"who": "Press", "text": "Is it you?"}\n{"kill": "nobody"}\n')
        assert wait_until(lambda: "there is no server" in shift.chat(), 60)
        assert "Press: Is it you?" in shift.chat()
        at = shift.time.now()
    finally:
        lab.close()

    lab = open_lab("first-of-march", folder=tmp_path)
    shift = take_shift(lab)
    try:
        assert shift.on
        assert shift.time.now() >= at
        assert "Press: Is it you?" in shift.chat()
        assert set(shift.stage.loaded) == {"lb1"}
        words = OnCall(shift)
        assert "0% of the pages fail" in words.answer("reload lb2")
        assert "wants more words" in words.answer("tell")
        assert "told" in words.answer("tell We took back one change.")
        assert words.answer("sing").count("\n") == len(WORDS) - 1
        lab.apply()  # with the panel's button, say: what it does is a deed as well
        seen = shift.shares()
        assert seen.seen.failing == 0
        assert sorted(seen.seen.shares) == sorted(shift.world.servers)
        assert "UP" in repr(seen)
        shift.all_clear("Every machine answers.")
        assert "all clear" not in pane(shift.now()).plain
        assert "you: Every machine answers." in pane(shift.now()).plain
        shift.end()
        view = shift.debrief()
        assert view.played.served_s is not None
        assert [step.words for step in view.mine][-1].startswith("all clear")
        assert "requests were lost" in repr(view)
        assert "<svg" in view._repr_html_()
    finally:
        lab.close()
    done = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    assert [one["do"] for one in done if one["do"] != "look"] == [
        "begin", "restart", "revert", "reload", "reload", "tell", "reload", "reload", "all-clear",
    ]  # fmt: skip
